package customer

import (
	"context"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
)

// TestNeedsOf: from when on a customer needs attention, for each kind of reason by itself; attention_at is the earliest.
func TestNeedsOf(t *testing.T) {
	const day = 24 * time.Hour
	at := func(d time.Duration) bun.NullTime { return bun.NullTime{Time: testNow.Add(d)} }
	then := func(d time.Duration) *time.Time { w := testNow.Add(d); return &w }
	invited := accessState{InvitedAt: testNow.Add(-day), AccessState: AccessState{LinkExpiresAt: testNow.Add(day)}}
	longLink := accessState{InvitedAt: testNow.Add(-day), AccessState: AccessState{LinkExpiresAt: testNow.Add(30 * day)}}
	with := func(s accessState, edit func(*accessState)) accessState { edit(&s); return s }
	registered := with(invited, func(s *accessState) { s.RegisteredAt = then(0) })
	bounced := with(invited, func(s *accessState) { s.Undeliverable = "mail.unknown" })
	deactivated := with(bounced, func(s *accessState) { s.DeactivatedAt = then(0) })
	noCode := with(invited, func(s *accessState) { s.CodeFailed = true })
	expired := with(invited, func(s *accessState) { s.LinkExpiresAt = *then(-day) })
	for name, c := range map[string]struct {
		accesses       []accessState
		administrators int
		before         needs
		want           needs
	}{
		"no access": {nil, 1, needs{}, needs{NoAccess: at(0), AttentionAt: at(0)}},
		"no access, known for an hour": {nil, 1, needs{NoAccess: at(-time.Hour), AttentionAt: at(-time.Hour)},
			needs{NoAccess: at(-time.Hour), AttentionAt: at(-time.Hour)}},
		"no access, another reason before":  {nil, 1, needs{OpenInvitation: at(-time.Hour)}, needs{NoAccess: at(0), AttentionAt: at(0)}},
		"no administrator":                  {[]accessState{registered}, 0, needs{}, needs{NoAdministrator: at(0), AttentionAt: at(0)}},
		"no administrator, known for a day": {[]accessState{registered}, 0, needs{NoAdministrator: at(-day)}, needs{NoAdministrator: at(-day), AttentionAt: at(-day)}},
		"neither": {nil, 0, needs{NoAccess: at(-day)},
			needs{NoAdministrator: at(0), NoAccess: at(-day), AttentionAt: at(-day)}},
		"registered":                  {[]accessState{registered}, 1, needs{NoAccess: at(-day), AttentionAt: at(-day)}, needs{}},
		"deactivated, though bounced": {[]accessState{deactivated}, 1, needs{}, needs{}},
		"bounced":                     {[]accessState{bounced}, 1, needs{}, needs{OpenInvitation: at(0), AttentionAt: at(0)}},
		"the code's SMS failed":       {[]accessState{noCode}, 1, needs{}, needs{OpenInvitation: at(0), AttentionAt: at(0)}},
		"bounced, known for an hour":  {[]accessState{bounced}, 1, needs{OpenInvitation: at(-time.Hour)}, needs{OpenInvitation: at(-time.Hour), AttentionAt: at(-time.Hour)}},
		"bounced, was due later":      {[]accessState{bounced}, 1, needs{OpenInvitation: at(time.Hour)}, needs{OpenInvitation: at(0), AttentionAt: at(0)}},
		"invited, link ends":          {[]accessState{invited}, 1, needs{}, needs{OpenInvitation: at(day), AttentionAt: at(day)}},
		"invited, a week":             {[]accessState{longLink}, 1, needs{}, needs{OpenInvitation: at(6 * day), AttentionAt: at(6 * day)}},
		"several: the earliest":       {[]accessState{registered, longLink, invited}, 2, needs{}, needs{OpenInvitation: at(day), AttentionAt: at(day)}},
		"one bounced of several":      {[]accessState{registered, bounced, invited}, 2, needs{}, needs{OpenInvitation: at(0), AttentionAt: at(0)}},
		"invited, no administrator":   {[]accessState{invited}, 0, needs{}, needs{NoAdministrator: at(0), OpenInvitation: at(day), AttentionAt: at(0)}},
		"expired, no administrator":   {[]accessState{expired}, 0, needs{}, needs{NoAdministrator: at(0), OpenInvitation: at(-day), AttentionAt: at(-day)}},
	} {
		assert.Equal(t, c.want, needsOf(c.accesses, c.administrators, c.before, testNow, Reminder), name)
	}
}

// TestNeedsOfTheVersionBefore: the worker computes the needs of customers that a process of the version before has written,
// which knows only attention_at. It finds no others.
func TestNeedsOfTheVersionBefore(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		bare, _, err := w.Add(ctx, w.anna, Draft{Type: Person, Data: anna()}, nil)
		require.NoError(t, err)
		invited := w.add(w.anna, Person, anna(), "eva@example.org")
		well := w.add(w.anna, Person, anna(), "uwe@example.org")
		w.Exec(`UPDATE access SET registered_at = ? WHERE customer_id = ?`, w.Now(), well.ID)
		w.touch(well.ID)
		kept := func() (list []needs) {
			require.NoError(t, w.db.NewSelect().Model((*record)(nil)).
				Column("no_administrator_since", "no_access_since", "invitation_at", "attention_at").Order("number").Scan(ctx, &list))
			return list
		}
		unknown := func() []string {
			ids, err := w.unknownNeeds(ctx, w.db, 10)
			require.NoError(t, err)
			var names []string
			for _, id := range ids {
				names = append(names, map[uuid.UUID]string{bare.ID: "bare", invited.ID: "invited", well.ID: "well"}[id])
			}
			return names
		}
		want := kept()
		require.Empty(t, unknown(), "of this version")
		w.Exec(`UPDATE customer SET no_administrator_since = NULL, no_access_since = NULL, invitation_at = NULL WHERE id <> ?`, well.ID)
		w.Exec(`UPDATE customer SET no_access_since = ? WHERE id = ?`, w.Now(), well.ID)
		require.Equal(t, []string{"bare", "invited", "well"}, unknown(), "of the version before")
		require.NoError(t, w.ContinueNeeds(ctx, 2))
		require.Equal(t, []string{"well"}, unknown(), "after the first two")
		require.NoError(t, w.ContinueNeeds(ctx, 2))
		got := kept()
		require.Len(t, got, len(want))
		for i := range want {
			assert.True(t, want[i].equal(got[i]), "%v became %v", want[i], got[i])
		}
		require.Empty(t, unknown(), "at the end")
		require.NoError(t, w.ContinueNeeds(ctx, 2))
	})
}
