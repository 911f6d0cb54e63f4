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
	mailbox := Mailbox(email)
	_, domain, _ := store.CutEmail(mailbox)
	for _, domain := range append(OtherDomains(domain), domain) {
		list, err := specialistsAtDomain(ctx, db, domain)
		if err != nil {
			return Account{}, false, err
		}
		for _, a := range list {
			if Mailbox(a.Email) == mailbox || Mailbox(a.Username) == mailbox {
				return a, true, nil
			}
		}
	}
	return formerOwner(ctx, db, mailbox)
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
