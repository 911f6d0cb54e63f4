package account

import (
	"context"
	"slices"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/courier"
	"kontor/app/store"
	"kontor/policies"
)

// notices are the mails that tell a person what was done to their account, or to another account with the same role.
// They contain no link and require no action. A notice stays true, so a later one of the same kind does not replace it.
// A deactivated account gets no notice except EmailChanged, which goes to an address that no longer belongs to the
// account.
var notices = []courier.Kind{courier.EmailConfirmed, courier.PasswordChanged, courier.RolesChanged, courier.RoleGranted}

// tell queues a notice to an account's present address. The composer reads about.
func (s *Service) tell(ctx context.Context, tx bun.IDB, a Account, kind courier.Kind, about string) error {
	return s.post(ctx, tx, a, mail{kind: kind, to: a.Email, about: about, life: tellLife})
}

// tellRoles tells a person which roles they gained and lost, and tells every other holder of a gained role about it.
func (s *Service) tellRoles(ctx context.Context, tx bun.IDB, a Account, gained, lost []policies.Role) error {
	if err := s.tell(ctx, tx, a, courier.RolesChanged, join(gained)+";"+join(lost)); err != nil {
		return err
	}
	return s.tellHolders(ctx, tx, a, gained)
}

// tellHolders tells the other holders of the gained roles that a has them now. It leaves out the role specialist:
// everybody who works for the firm has it, so this would be no news.
func (s *Service) tellHolders(ctx context.Context, tx bun.IDB, a Account, gained []policies.Role) error {
	gained = minus(gained, []policies.Role{policies.Specialist})
	holders, err := otherHolders(ctx, tx, gained, a.ID)
	if err != nil {
		return err
	}
	for _, h := range holders {
		shared := minus(gained, minus(gained, h.Roles))
		if err := s.tell(ctx, tx, h, courier.RoleGranted, a.ID.String()+";"+join(shared)); err != nil {
			return err
		}
	}
	return nil
}

func join(roles []policies.Role) string {
	return strings.Join(names(roles), ",")
}

func names(roles []policies.Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	return out
}

func split(keys string) []string {
	return slices.DeleteFunc(strings.Split(keys, ","), func(s string) bool { return s == "" })
}

// composeRoles composes RolesChanged.
func (s *Service) composeRoles(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	a, err := findAccount(ctx, tx, m.AccountID.UUID)
	if store.IsNoRows(err) || err == nil && !a.Active {
		return courier.Content{Void: true}, nil
	}
	if err != nil {
		return courier.Content{}, err
	}
	gained, lost, _ := strings.Cut(m.About, ";")
	return told(m, a, courier.RolesData{
		Name: a.Name, Gained: split(gained), Lost: split(lost), Roles: names(a.Roles), At: m.CreatedAt,
	}), nil
}

// composeGranted composes RoleGranted. The mail is sent even if the person has lost the role again in the meantime.
func (s *Service) composeGranted(ctx context.Context, tx bun.IDB, m courier.Message) (courier.Content, error) {
	a, err := findAccount(ctx, tx, m.AccountID.UUID)
	if store.IsNoRows(err) || err == nil && !a.Active {
		return courier.Content{Void: true}, nil
	}
	if err != nil {
		return courier.Content{}, err
	}
	id, roles, _ := strings.Cut(m.About, ";")
	other, err := findAccount(ctx, tx, uuid.FromStringOrNil(id))
	if store.IsNoRows(err) {
		return courier.Content{Void: true}, nil
	}
	if err != nil {
		return courier.Content{}, err
	}
	return told(m, a, courier.RolesData{Name: a.Name, Person: other.Name, Gained: split(roles), At: m.CreatedAt}), nil
}

func told(m courier.Message, a Account, data courier.RolesData) courier.Content {
	return courier.Content{To: m.Recipient, ToName: a.Name, Locale: m.Locale, Template: m.Kind, Data: data}
}
