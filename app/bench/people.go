package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"kontor/app/account"
	"kontor/app/config"
	"kontor/app/demo"
	"kontor/app/wire"
	"kontor/policies"
)

// The people who are measured, by their e-mail addresses. Of the synthetic specialist users, the first one sees a tenth of
// all business transactions and the last one 51. The auditor sees all, and so does the user administrator, who may also
// act on all customers. The policy administrator publishes.
const (
	auditor           = "auditor@bench.example"
	userAdministrator = "user.administrator@bench.example"

	policyAdministrator = "policy.administrator@bench.example"
)

// addedPeople are the people who are added, with their roles.
var addedPeople = map[string][]policies.Role{
	auditor: {policies.Auditor}, userAdministrator: {policies.Specialist, policies.UserAdministrator},
	policyAdministrator: {policies.PolicyAdministrator},
}

var (
	firstSpecialist = specialist(1)
	lastSpecialist  = specialist(demo.MeasuredSpecialists)
)

func specialist(n int) string { return fmt.Sprintf("specialist%d@example.net", n) }

// password is everybody's. The databases hold only synthetic people.
const password = "quiet harbour lantern 47"

// givePasswords lets people sign in with password. It adds those of addedPeople who have no account.
func givePasswords(ctx context.Context, settings map[string]string, emails ...string) (err error) {
	c, _, err := config.Load(nil, func(name string) string { return settings[name] }, wire.Checks())
	if err != nil {
		return err
	}
	c.BaseURL = "http://localhost" // no link is sent
	s, err := wire.New(ctx, c, slog.New(slog.DiscardHandler), wire.RequireSchema)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, email := range emails {
		if err := givePassword(ctx, s.Accounts, email); err != nil {
			return fmt.Errorf("give %s a password: %w", email, err)
		}
	}
	return nil
}

func givePassword(ctx context.Context, accounts *account.Service, email string) error {
	_, token, err := accounts.ResetByCommand(ctx, email)
	if errors.Is(err, account.ErrNoSuchLogin) {
		token, err = accounts.AddByCommand(ctx, account.SpecialistForm{
			Email: email, Name: "Bench", Locale: "de", Roles: addedPeople[email],
		})
	}
	if err != nil {
		return err
	}
	_, err = accounts.SetPassword(ctx, token, password, password, account.Browser{Address: "127.0.0.1", Agent: "bench"})
	return err
}
