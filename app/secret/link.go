package secret

import (
	"context"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/fault"
	"kontor/app/store"
)

// Purpose is what a one-time link can be used for. It can't be used for anything else.
type Purpose string

const (
	Register      Purpose = "register"       // subject: an access
	SetPassword   Purpose = "set_password"   // subject: an account; the first password
	ResetPassword Purpose = "reset_password" // subject: an account; forgotten
	ConfirmEmail  Purpose = "confirm_email"  // subject: an account; Address is the new e-mail's
)

// Link is a one-time link as it is stored, without its token.
type Link struct {
	bun.BaseModel `bun:"table:link"`

	Hash       string        `bun:"hash,pk"`
	Purpose    Purpose       `bun:"purpose"`
	SubjectID  uuid.UUID     `bun:"subject_id"`
	CustomerID uuid.NullUUID `bun:"customer_id"`
	Generation int           `bun:"generation"`
	Address    string        `bun:"address"` // Key.Bind of the address it was sent to
	CreatedAt  time.Time     `bun:"created_at"`
	ExpiresAt  time.Time     `bun:"expires_at"`
	UsedAt     *time.Time    `bun:"used_at"`
}

var (
	// ErrUnknownLink is returned for a token that is not, or no longer, a link for this purpose.
	ErrUnknownLink = fault.New(fault.NotFound, "link.unknown")
	// ErrUsedLink is returned for a link that has been used.
	ErrUsedLink = fault.New(fault.Gone, "link.used")
	// ErrExpiredLink is returned for a link that has expired.
	ErrExpiredLink = fault.New(fault.Gone, "link.expired")
)

// Bind returns the keyed hash of the e-mail address to which a link is sent. The link stores this hash.
func (k Key) Bind(email string) string { return k.MAC("address", store.FoldEmail(email)) }

// IsBound says whether a link was sent to an e-mail address, in any spelling. A link from an earlier version is bound
// to the form that addresses had then.
func (k Key) IsBound(l Link, email string) bool {
	return k.Is(l.Address, "address", store.FoldEmail(email)) || k.Is(l.Address, "address", store.FoldBefore(email))
}

// Mint stores a new link and returns its token. l needs Purpose, SubjectID, Generation, Address, CreatedAt, ExpiresAt.
func Mint(ctx context.Context, tx bun.IDB, l Link) (token string, err error) {
	tokens, err := MintAll(ctx, tx, []Link{l})
	return tokens[0], err
}

// MintAll stores new links and returns their tokens, in the same order.
func MintAll(ctx context.Context, tx bun.IDB, links []Link) (tokens []string, err error) {
	for i := range links {
		token := NewToken()
		links[i].Hash = HashToken(token)
		tokens = append(tokens, token)
	}
	if len(links) > 0 {
		_, err = tx.NewInsert().Model(&links).Exec(ctx)
	}
	return tokens, err
}

// Find looks up a token without changing anything. It returns ErrUnknownLink, ErrUsedLink or ErrExpiredLink; with the
// latter two it also returns the link.
func Find(ctx context.Context, db bun.IDB, purpose Purpose, token string, now time.Time) (Link, error) {
	var l Link
	err := db.NewSelect().Model(&l).Where("hash = ?", HashToken(token)).Where("purpose = ?", purpose).Scan(ctx)
	switch {
	case store.IsNoRows(err):
		return Link{}, ErrUnknownLink
	case err != nil:
		return Link{}, err
	case l.UsedAt != nil:
		return l, ErrUsedLink
	case !now.Before(l.ExpiresAt):
		return l, ErrExpiredLink
	}
	return l, nil
}

// Redeem uses up a link, together with all links of the same subject, purpose and generation. It is one UPDATE with the
// expiry and "not used yet" in its WHERE. So of any number of parallel calls with any of these links, one returns nil
// and the others ErrUsedLink (or what Find returns). One statement also takes its row locks in one order; two
// statements could deadlock when two links of a generation are redeemed at the same time.
func Redeem(ctx context.Context, tx bun.IDB, purpose Purpose, token string, now time.Time) (Link, error) {
	hash := HashToken(token)
	var used []Link
	_, err := tx.NewUpdate().Model(&used).ModelTableExpr("link").Set("used_at = ?", now).Where("used_at IS NULL").
		Where(`(subject_id, purpose, generation) IN (SELECT l.subject_id, l.purpose, l.generation FROM link AS l
			WHERE l.hash = ? AND l.purpose = ? AND l.used_at IS NULL AND l.expires_at > ?)`, hash, purpose, now).
		Returning("*").Exec(ctx)
	if err != nil && !store.IsNoRows(err) {
		return Link{}, err
	}
	for _, l := range used {
		if l.Hash == hash {
			return l, nil
		}
	}
	l, err := Find(ctx, tx, purpose, token, now)
	if err == nil {
		err = ErrUsedLink // used by a tx that has not ended yet
	}
	return l, err
}

// Void deletes the links of a subject for a purpose, because an address was corrected, an access removed or a new link
// requested.
func Void(ctx context.Context, tx bun.IDB, purpose Purpose, subject uuid.UUID) error {
	_, err := tx.NewDelete().Model((*Link)(nil)).Where("subject_id = ?", subject).Where("purpose = ?", purpose).Exec(ctx)
	return err
}

// Erase deletes all links of the subjects, for every purpose.
func Erase(ctx context.Context, tx bun.IDB, subjects ...uuid.UUID) error {
	if len(subjects) == 0 {
		return nil
	}
	_, err := tx.NewDelete().Model((*Link)(nil)).Where("subject_id IN (?)", bun.List(subjects)).Exec(ctx)
	return err
}

// EraseExpired deletes the links that expired at or before a time.
func EraseExpired(ctx context.Context, tx bun.IDB, before time.Time) error {
	_, err := tx.NewDelete().Model((*Link)(nil)).Where("expires_at <= ?", before).Exec(ctx)
	return err
}

// VoidOfCustomer deletes the links that belong to a customer.
func VoidOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID) error {
	_, err := tx.NewDelete().Model((*Link)(nil)).Where("customer_id = ?", customer).Exec(ctx)
	return err
}

// EraseOfCustomer deletes up to limit links that belong to a customer and returns how many it deleted.
func EraseOfCustomer(ctx context.Context, tx bun.IDB, customer uuid.UUID, limit int) (gone int64, err error) {
	some := tx.NewSelect().Model((*Link)(nil)).Column("hash").Where("customer_id = ?", customer).Limit(int64(limit))
	q := tx.NewDelete().Model((*Link)(nil)).Where("customer_id = ?", customer).Where("hash IN (?)", some)
	return store.Affected(q.Exec(ctx))
}
