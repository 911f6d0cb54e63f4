package account

import (
	"context"
	"strings"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"
	"golang.org/x/net/idna"

	"kontor/app/store"
)

// dotless maps the domains of providers that ignore dots in the local part to the domain that Mailbox uses for them.
var dotless = map[string]string{"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}

// Mailbox returns the same text for all spellings of one mailbox: the folded address without the part from a "+" on
// and, for providers that ignore dots, without dots. Text that is not an address is only folded.
func Mailbox(email string) string {
	folded := store.FoldEmail(email)
	local, domain, ok := store.CutEmail(folded)
	if !ok {
		return folded
	}
	domain = strings.TrimSuffix(domain, ".")
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	if provider, ok := dotless[domain]; ok {
		local, domain = strings.ReplaceAll(local, ".", ""), provider
	}
	return local + "@" + domain
}

// OtherDomains returns the other domains under which a mailbox of this domain may be stored: those of a provider that
// ignores dots, and an international domain in its own script, as an earlier version stored it.
func OtherDomains(domain string) (domains []string) {
	for alias, provider := range dotless {
		if provider == domain && alias != domain {
			domains = append(domains, alias)
		}
	}
	if own, err := idna.Lookup.ToUnicode(domain); err == nil && own != domain {
		domains = append(domains, own)
	}
	return domains
}

// SpecialistAt finds the specialist user, active or not, who has or had an address, in any spelling; ok is false when
// there is none.
func (s *Service) SpecialistAt(ctx context.Context, db bun.IDB, email string) (a Account, ok bool, err error) {
	found, err := s.SpecialistsAt(ctx, db, []string{email})
	a, ok = found[email]
	return a, ok, err
}

// SpecialistsAt is SpecialistAt for many addresses: it returns the specialist users by address, as it was given.
func (s *Service) SpecialistsAt(ctx context.Context, db bun.IDB, emails []string) (map[string]Account, error) {
	at := map[string][]Account{} // by domain
	var mailboxes []string
	for _, email := range emails {
		mailbox := Mailbox(email)
		mailboxes = append(mailboxes, mailbox)
		_, domain, _ := store.CutEmail(mailbox)
		for _, domain := range append(OtherDomains(domain), domain) {
			if _, known := at[domain]; known {
				continue
			}
			var err error
			if at[domain], err = specialistsAtDomain(ctx, db, domain); err != nil {
				return nil, err
			}
		}
	}
	former, err := formerMailboxes(ctx, db, mailboxes)
	if err != nil {
		return nil, err
	}
	found := map[string]Account{}
	for i, email := range emails {
		a, ok := ownerAmong(at, mailboxes[i])
		if !ok && former[mailboxes[i]] {
			if a, ok, err = formerOwner(ctx, db, mailboxes[i]); err != nil {
				return nil, err
			}
		}
		if ok {
			found[email] = a
		}
	}
	return found, nil
}

// ownerAmong finds the specialist user with a mailbox among those at its domains.
func ownerAmong(at map[string][]Account, mailbox string) (Account, bool) {
	_, domain, _ := store.CutEmail(mailbox)
	for _, domain := range append(OtherDomains(domain), domain) {
		for _, a := range at[domain] {
			if Mailbox(a.Email) == mailbox || Mailbox(a.Username) == mailbox {
				return a, true
			}
		}
	}
	return Account{}, false
}

// formerMailboxes returns those of the mailboxes that a specialist user had earlier.
func formerMailboxes(ctx context.Context, db bun.IDB, mailboxes []string) (map[string]bool, error) {
	if len(mailboxes) == 0 {
		return nil, nil
	}
	var list []string
	err := db.NewSelect().Table("former_address").ColumnExpr("DISTINCT mailbox").Where("mailbox IN (?)", bun.List(mailboxes)).Scan(ctx, &list)
	former := make(map[string]bool, len(list))
	for _, mailbox := range list {
		former[mailbox] = true
	}
	return former, err
}

// formerOwner finds the specialist user who had a mailbox earlier.
func formerOwner(ctx context.Context, db bun.IDB, mailbox string) (a Account, ok bool, err error) {
	err = db.NewSelect().Model(&a).Where("specialist").
		Where("id IN (SELECT f.account_id FROM former_address AS f WHERE f.mailbox = ?)", mailbox).Order("id").Limit(1).Scan(ctx)
	if store.IsNoRows(err) {
		return Account{}, false, nil
	}
	return a, err == nil, err
}

type formerAddress struct {
	bun.BaseModel `bun:"table:former_address"`

	AccountID uuid.UUID `bun:"account_id,pk"`
	Mailbox   string    `bun:"mailbox,pk"`
}

// keepFormer stores an address that a specialist user gives up.
func keepFormer(ctx context.Context, tx bun.IDB, account uuid.UUID, email string) error {
	former := formerAddress{AccountID: account, Mailbox: Mailbox(email)}
	_, err := tx.NewInsert().Model(&former).On("CONFLICT DO NOTHING").Exec(ctx)
	return err
}

// specialistsAtDomain returns the specialist users whose e-mail address or username ends with a domain.
func specialistsAtDomain(ctx context.Context, db bun.IDB, domain string) (list []Account, err error) {
	end := "%@" + domain // a domain contains no wildcards of LIKE
	err = db.NewSelect().Model(&list).Where("specialist").Where("email_folded LIKE ? OR username_folded LIKE ?", end, end).
		Order("created_at", "id").Scan(ctx)
	return list, err
}

// Addressed is called inside the tx when an account gets an address or becomes a specialist user's. c is the caller who
// caused it.
type Addressed func(ctx context.Context, tx bun.IDB, c Caller, a Account) error

// OnAddressed registers f to be called for each such event. Features call it when they are created.
func (s *Service) OnAddressed(f Addressed) { s.addressed = append(s.addressed, f) }

func (s *Service) tellAddressed(ctx context.Context, tx bun.IDB, c Caller, a Account) error {
	for _, f := range s.addressed {
		if err := f(ctx, tx, c, a); err != nil {
			return err
		}
	}
	return nil
}
