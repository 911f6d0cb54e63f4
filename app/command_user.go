package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"kontor/app/account"
	"kontor/app/config"
	"kontor/app/wire"
	"kontor/policies"
)

type userCommands struct {
	Add     userAddCommand     `cmd:"" help:"Add a specialist user and print a one-time link to set a password."`
	List    userListCommand    `cmd:"" help:"List the specialist users."`
	Reset   userResetCommand   `cmd:"" help:"Print a one-time link to set a new password."`
	Unlock  userUnlockCommand  `cmd:"" help:"Let someone sign in again after too many wrong passwords."`
	SignOut userSignOutCommand `cmd:"" help:"Sign out one person or everyone."`
}

type userAddCommand struct {
	Email string   `help:"E-mail address."`
	Name  string   `help:"Name."`
	Role  []string `sep:"none" help:"A role; can be repeated. Default: specialist. One of: ${roles}."`
}

// Run adds a specialist user. It also works before the first start of the web process.
func (k userAddCommand) Run(p *invocation) error {
	return p.with(func(c config.Config) error {
		f := account.SpecialistForm{Email: k.Email, Name: k.Name, Locale: c.Locale}
		for _, r := range k.Role {
			if !slices.Contains(policies.FirmRoles, policies.Role(r)) {
				return fmt.Errorf("--role takes one of %s", joinRoles())
			}
			f.Roles = append(f.Roles, policies.Role(r))
		}
		if _, err := wire.Migrate(p.ctx, c, wire.Logger(c, os.Stderr)); err != nil {
			return err
		}
		return p.services(func(s *wire.Services, c config.Config) error {
			token, err := s.Accounts.AddByCommand(p.ctx, f)
			if err != nil {
				return plain(err)
			}
			p.say("%s was added. Use this link to set the password. It works once, within 48 hours:\n%s/password/reset/%s", f.Name, c.BaseURL, token)
			return nil
		})
	})
}

func joinRoles() string {
	var names []string
	for _, r := range policies.FirmRoles {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

type userListCommand struct{}

// Run lists the specialist users.
func (userListCommand) Run(p *invocation) error {
	return p.services(func(s *wire.Services, c config.Config) error {
		list, err := s.Accounts.ListByCommand(p.ctx)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			p.say("There are no specialist users yet. Add the first one with: app user add")
			return nil
		}
		w := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "E-MAIL\tNAME\tROLES\tLAST SIGN-IN\tSESSIONS\tSTATE")
		for _, u := range list {
			last := "never"
			if u.LastSignInAt != nil {
				last = u.LastSignInAt.In(c.Zone).Format("2006-01-02 15:04")
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", u.Email, u.Name, roles(u.Roles), last, u.Sessions, state(u))
		}
		return w.Flush()
	})
}

func roles(list []policies.Role) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

func state(u account.Listed) string {
	switch {
	case !u.Active:
		return "deactivated"
	case !u.Password:
		return "no password yet"
	case u.Failures > 0:
		return fmt.Sprintf("%d wrong passwords", u.Failures)
	}
	return "active"
}

type userResetCommand struct {
	Email string `required:"" help:"E-mail address or username of a specialist user or end user."`
}

// Run prints a link for setting a new password.
func (k userResetCommand) Run(p *invocation) error {
	return p.services(func(s *wire.Services, c config.Config) error {
		a, token, err := s.Accounts.ResetByCommand(p.ctx, k.Email)
		if err != nil {
			return err
		}
		p.say("Use this link to set a new password for %s. It works once, within 48 hours:\n%s/password/reset/%s", a.Name, c.BaseURL, token)
		return nil
	})
}

type userUnlockCommand struct {
	Email   string `help:"E-mail address or username."`
	Address string `placeholder:"IP" help:"The IP address that sent too many wrong passwords."`
}

// Run clears the count of wrong passwords.
func (k userUnlockCommand) Run(p *invocation) error {
	if k.Email == "" && k.Address == "" {
		return errors.New("app user unlock needs --email, --address or both")
	}
	var from netip.Addr
	if k.Address != "" {
		var err error
		if from, err = netip.ParseAddr(k.Address); err != nil {
			return errors.New("--address takes an IP address, such as 192.0.2.7 or 2001:db8::7")
		}
	}
	return p.services(func(s *wire.Services, _ config.Config) error {
		if k.Email != "" {
			a, err := s.Accounts.UnlockByCommand(p.ctx, k.Email)
			if err != nil {
				return err
			}
			p.say("Failed sign-ins for %s have been cleared.", a.Name)
			if !a.Active {
				p.say("But the account is deactivated. A user administrator has to reactivate it.")
			}
		}
		if k.Address == "" {
			return nil
		}
		p.say("Failed sign-ins from %s have been cleared.", k.Address)
		return s.Accounts.UnlockAddressByCommand(p.ctx, from.Unmap().String())
	})
}

type userSignOutCommand struct {
	Email string `xor:"who" required:"" help:"E-mail address or username."`
	All   bool   `xor:"who" required:"" help:"Everyone, including end users."`
}

// Run ends sessions.
func (k userSignOutCommand) Run(p *invocation) error {
	return p.services(func(s *wire.Services, _ config.Config) error {
		if k.All {
			n, err := s.Accounts.SignOutAllByCommand(p.ctx)
			if err == nil {
				p.say("Sessions ended: %d.", n)
			}
			return err
		}
		a, err := s.Accounts.SignOutByCommand(p.ctx, k.Email)
		if err == nil {
			p.say("%s has been signed out everywhere.", a.Name)
		}
		return err
	})
}

// againProgram is the command by which the person has started this program.
func againProgram() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./app"
	}
	return os.Args[0]
}
