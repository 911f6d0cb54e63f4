package template

import (
	"context"
	"database/sql"
	"slices"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/audit"
	"kontor/app/document"
	"kontor/app/entry"
	"kontor/app/fault"
	"kontor/app/store"
	"kontor/app/transaction"
	"kontor/policies"
)

// Options are the dependencies of a Service. All are required.
type Options struct {
	DB      *store.DB
	Now     store.Clock
	Decider *policies.Decider
	Audit   *audit.Log
}

// Service keeps templates. Its methods authorise the caller: reading needs template read, everything else template manage;
// both are policies.ErrForbidden. Offered alone needs no permission.
type Service struct{ Options }

// New makes the service.
func New(o Options) *Service { return &Service{o} }

// May says whether the caller may change templates. Error: policies.ErrForbidden when they may not even read them.
func (s *Service) May(c account.Caller) (manage bool, err error) {
	if err := s.require(c, policies.Read); err != nil {
		return false, err
	}
	return s.Decider.Allows(policies.Request{Roles: c.Roles, Object: policies.ObjectTemplate, Action: policies.Manage})
}

func (s *Service) require(c account.Caller, a policies.Action) error {
	return s.Decider.Require(policies.Request{Roles: c.Roles, Object: policies.ObjectTemplate, Action: a})
}

// --- reading ------------------------------------------------------------------------------------------------------

// Filter narrows the list of templates; "" lets everything through.
type Filter struct {
	Query string
	Kind  string
	State State
}

// List returns templates in the order of their names.
func (s *Service) List(ctx context.Context, c account.Caller, f Filter) ([]Template, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	return s.list(ctx, s.DB, f)
}

// Get returns a template and its draft. ErrNotFound.
func (s *Service) Get(ctx context.Context, c account.Caller, id uuid.UUID) (Template, Tree, error) {
	if err := s.require(c, policies.Read); err != nil {
		return Template{}, Tree{}, err
	}
	r, err := find(ctx, s.DB, id)
	if err != nil {
		return Template{}, Tree{}, err
	}
	t, err := tree(r.Draft)
	return r.Template, t, err
}

// Versions returns the versions of a template, the newest first.
func (s *Service) Versions(ctx context.Context, c account.Caller, id uuid.UUID) ([]Version, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	return versions(ctx, s.DB, id)
}

// VersionAt returns a version with its structure. ErrNoVersion.
func (s *Service) VersionAt(ctx context.Context, c account.Caller, id uuid.UUID, number int) (Version, Tree, error) {
	if err := s.require(c, policies.Read); err != nil {
		return Version{}, Tree{}, err
	}
	return versionAt(ctx, s.DB, id, number)
}

// Diff says what has happened between two versions of a template. Number 0 is the draft as the newer one, and nothing as
// the older one. Errors: ErrNoVersion, ErrNotFound.
func (s *Service) Diff(ctx context.Context, c account.Caller, id uuid.UUID, older, newer int) ([]Difference, error) {
	if err := s.require(c, policies.Read); err != nil {
		return nil, err
	}
	var old, now Tree
	var err error
	if older != 0 {
		if _, old, err = versionAt(ctx, s.DB, id, older); err != nil {
			return nil, err
		}
	}
	if newer == 0 {
		_, now, err = s.Get(ctx, c, id)
	} else {
		_, now, err = versionAt(ctx, s.DB, id, newer)
	}
	return Diff(old, now), err
}

// Offer is a template from which a transaction can be started.
type Offer struct {
	Template
	Outline document.Outline
}

// Offered returns the templates of these kinds from which the caller can start a transaction: published and not retired;
// for end users only the public ones. The kinds are those that the caller may use, so it needs no permission of its own.
func (s *Service) Offered(ctx context.Context, c account.Caller, kinds []string) ([]Offer, error) {
	if len(kinds) == 0 {
		return nil, nil
	}
	rows, err := offered(ctx, s.DB, kinds, c.Has(policies.EndUser))
	if err != nil {
		return nil, err
	}
	list := make([]Offer, 0, len(rows))
	for _, r := range rows {
		t, err := tree(r.Outline)
		if err != nil {
			return nil, err
		}
		list = append(list, Offer{r.Template, t.Outline()})
	}
	return list, nil
}

// --- the template as a whole --------------------------------------------------------------------------------------

// Add adds a template without elements and without a version. submission is the form's once-only key, "" for none: if the
// same caller sends it twice, there is one template. Errors: those of Settings.Clean; Invalid at kind
// ("template.kind_unknown"), name ("template.name_taken"); Conflict "template.too_many".
func (s *Service) Add(ctx context.Context, c account.Caller, typed Settings, submission string) (Template, error) {
	return s.add(ctx, c, addition{settings: typed, submission: submission, action: audit.TemplateAdded})
}

// addition is a template that is to be added.
type addition struct {
	settings   Settings
	outline    document.Outline
	submission string
	action     audit.Action
	// free gives the template another name if its own is taken, and another kind if its own can't be chosen.
	free bool
}

func (s *Service) add(ctx context.Context, c account.Caller, a addition) (t Template, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Template{}, err
	}
	settings, err := a.settings.Clean()
	if err != nil {
		return Template{}, err
	}
	if a.submission != "" { // the caller's id makes the key unique among callers
		a.submission = c.ID.String() + "/" + a.submission
	}
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		there, err := bySubmission(ctx, tx, a.submission)
		if fault.CodeOf(err) != fault.NotFound {
			t = there.Template
			return err
		}
		if a.free {
			if settings, err = freed(ctx, tx, settings); err != nil {
				return err
			}
		}
		t, err = s.make(ctx, tx, settings, a)
		if err != nil {
			return err
		}
		return s.Audit.Write(ctx, tx, c.Actor(), audit.Record{Action: a.action, SubjectID: t.ID, Subject: t.Name})
	})
	if err != nil { // the same form may have been sent twice at once
		if there, sought := bySubmission(ctx, s.DB, a.submission); sought == nil {
			return there.Template, nil
		}
	}
	return t, err
}

// freed gives settings a free name and a kind that can be chosen.
func freed(ctx context.Context, tx bun.Tx, settings Settings) (Settings, error) {
	taken, err := takenNames(ctx, tx)
	if err != nil {
		return settings, err
	}
	settings.Name = freeName(settings.Name, func(name string) bool { return taken[store.FoldName(name)] })
	if err := checkKind(ctx, tx, settings.Kind); fault.CodeOf(err) == fault.Invalid {
		settings.Kind = transaction.OtherKind
	} else if err != nil {
		return settings, err
	}
	return settings, nil
}

func (s *Service) make(ctx context.Context, tx bun.Tx, settings Settings, a addition) (Template, error) {
	if err := checkKind(ctx, tx, settings.Kind); err != nil {
		return Template{}, err
	}
	r := record{Submission: sql.NullString{String: a.submission, Valid: a.submission != ""}}
	r.set(settings)
	r.NameFolded, r.Search = store.FoldName(settings.Name), searchText(settings)
	r.Revision, r.Changed, r.CreatedAt, r.ChangedAt = 1, true, s.Now(), s.Now()
	var err error
	if r.Draft, err = stored(grow(a.outline, 1)); err != nil {
		return Template{}, err
	}
	if r.ID, err = uuid.NewV7(); err != nil {
		return Template{}, err
	}
	return r.Template, s.insert(ctx, tx, r)
}

// checkKind checks that a kind can be chosen. Invalid at kind, "template.kind_unknown".
func checkKind(ctx context.Context, tx bun.IDB, key string) error {
	kinds, err := transaction.AllKinds(ctx, tx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(kinds, func(k transaction.Kind) bool { return k.Key == key && k.Active }) {
		return fault.At("kind", "template.kind_unknown")
	}
	return nil
}

// change does something with a template in a tx. do returns the log entry, nil if nothing has changed.
func (s *Service) change(
	ctx context.Context, c account.Caller, id uuid.UUID, do func(ctx context.Context, tx bun.Tx, r *record) (*audit.Record, error),
) (t Template, err error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Template{}, err
	}
	err = s.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		r, err := s.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		t = r.Template
		entry, err := do(ctx, tx, &r)
		if err != nil || entry == nil {
			return err
		}
		r.touch(s.Now())
		if err := update(ctx, tx, r); err != nil {
			return err
		}
		t = r.Template
		if entry.Action == "" {
			return nil
		}
		entry.SubjectID, entry.Subject = r.ID, r.Name
		return s.Audit.Write(ctx, tx, c.Actor(), *entry)
	})
	return t, err
}

// Save changes the settings of a template, which hold at once. Errors: as Add, ErrNotFound, ErrVersion with the current
// template.
func (s *Service) Save(ctx context.Context, c account.Caller, id uuid.UUID, typed Settings, revision int) (Template, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Template{}, err
	}
	settings, complaint := typed.Clean()
	return s.change(ctx, c, id, func(ctx context.Context, tx bun.Tx, r *record) (*audit.Record, error) {
		was := r.Settings()
		switch {
		case complaint != nil:
			return nil, complaint
		case r.Revision != revision:
			return nil, ErrVersion
		case was == settings:
			return nil, nil //nolint:nilnil // nothing has changed
		}
		if settings.Kind != was.Kind {
			if err := checkKind(ctx, tx, settings.Kind); err != nil {
				return nil, err
			}
		}
		r.set(settings)
		r.NameFolded, r.Search = store.FoldName(settings.Name), searchText(settings)
		return &audit.Record{Action: audit.TemplateChanged, Detail: settingChanges(was, settings)}, nil
	})
}

func settingChanges(was, now Settings) audit.Changes {
	changes := audit.Changes{}
	audience := map[bool]string{true: "public", false: "firm"}
	for _, f := range []struct{ name, old, now string }{
		{"name", was.Name, now.Name}, {"kind", was.Kind, now.Kind}, {"audience", audience[was.Public], audience[now.Public]},
		{"transaction_name", was.TransactionName, now.TransactionName}, {"description", shortened(was.Description), shortened(now.Description)},
	} {
		if f.old != f.now {
			changes[f.name] = [2]string{f.old, f.now}
		}
	}
	return changes
}

// shortened is a text for the log, which has no long ones.
func shortened(text string) string {
	const longest = 80
	text = entry.Line(text)
	if r := []rune(text); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return text
}

// Duplicate adds a copy of a template with the structure of its draft. The copy has no version. Errors: ErrNotFound,
// Conflict "template.too_many".
func (s *Service) Duplicate(ctx context.Context, c account.Caller, id uuid.UUID) (Template, error) {
	was, draft, err := s.Get(ctx, c, id)
	if err != nil {
		return Template{}, err
	}
	return s.add(ctx, c, addition{settings: was.Settings(), outline: draft.Outline(), action: audit.TemplateDuplicated, free: true})
}

// Retire takes a template out of what can be started. Transactions that were made from it stay. ErrNotFound.
func (s *Service) Retire(ctx context.Context, c account.Caller, id uuid.UUID) (Template, error) {
	return s.change(ctx, c, id, func(_ context.Context, _ bun.Tx, r *record) (*audit.Record, error) {
		if r.RetiredAt != nil {
			return nil, nil //nolint:nilnil // nothing has changed
		}
		now := s.Now()
		r.RetiredAt = &now
		return &audit.Record{Action: audit.TemplateRetired}, nil
	})
}

// Reactivate takes back Retire. Errors: ErrNotFound; Invalid at name ("template.name_taken") if another active template is
// called like this one now.
func (s *Service) Reactivate(ctx context.Context, c account.Caller, id uuid.UUID) (Template, error) {
	return s.change(ctx, c, id, func(_ context.Context, _ bun.Tx, r *record) (*audit.Record, error) {
		if r.RetiredAt == nil {
			return nil, nil //nolint:nilnil // nothing has changed
		}
		r.RetiredAt = nil
		return &audit.Record{Action: audit.TemplateReactivated}, nil
	})
}

// --- the draft ----------------------------------------------------------------------------------------------------

// Done is a template after something was done with its draft.
type Done struct {
	Template Template
	Tree     Tree
	Key      int // of the element that it was about; 0: none
}

// Seen is what the caller has seen of a template: its revision, or 0 if it does not matter what else was changed since.
type Seen int

// Act does something with the draft of a template. Undo takes it back. Errors: ErrNotFound, those of the act, ErrVersion
// with the current draft. The draft is not in the log: what was published is.
func (s *Service) Act(ctx context.Context, c account.Caller, id uuid.UUID, a Act, seen Seen) (done Done, err error) {
	done.Template, err = s.change(ctx, c, id, func(ctx context.Context, tx bun.Tx, r *record) (*audit.Record, error) {
		was, err := tree(r.Draft)
		if err != nil {
			return nil, err
		}
		done.Tree = was
		if seen != 0 && r.Revision != int(seen) {
			return nil, ErrVersion
		}
		if done.Tree, done.Key, err = was.act(a); err != nil {
			return nil, err
		}
		return s.redraw(ctx, tx, r, was, done.Tree)
	})
	return done, err
}

// redraw replaces the draft of a template. It returns nil if both are the same, and else an entry without an action.
func (s *Service) redraw(ctx context.Context, tx bun.Tx, r *record, was, now Tree) (*audit.Record, error) {
	if len(Diff(was, now)) == 0 {
		return nil, nil //nolint:nilnil // nothing has changed
	}
	before := r.Draft
	var err error
	if r.Draft, err = stored(now); err != nil {
		return nil, err
	}
	r.Undo = &before
	if r.Changed, err = differs(ctx, tx, r.Template, now); err != nil {
		return nil, err
	}
	return &audit.Record{}, nil
}

// differs says whether a draft differs from the newest version.
func differs(ctx context.Context, tx bun.Tx, t Template, draft Tree) (bool, error) {
	if t.Version == 0 {
		return true, nil
	}
	_, published, err := versionAt(ctx, tx, t.ID, t.Version)
	return len(Diff(published, draft)) > 0, err
}

// Undo takes back the last change of the draft, which has led to the revision that the caller has seen. ErrUndone if
// something was changed since.
func (s *Service) Undo(ctx context.Context, c account.Caller, id uuid.UUID, seen Seen) (Template, error) {
	return s.change(ctx, c, id, func(ctx context.Context, tx bun.Tx, r *record) (*audit.Record, error) {
		if r.Undo == nil || r.Revision != int(seen) {
			return nil, ErrUndone
		}
		before, err := tree(*r.Undo)
		if err != nil {
			return nil, err
		}
		now, err := tree(r.Draft)
		if err != nil {
			return nil, err
		}
		before.Next = max(before.Next, now.Next) // a key is never given twice
		if r.Draft, err = stored(before); err != nil {
			return nil, err
		}
		r.Undo = nil
		r.Changed, err = differs(ctx, tx, r.Template, before)
		return &audit.Record{}, err
	})
}

// Discard makes the draft what the newest version is. Undo takes it back. Errors: ErrNotFound, ErrVersion, ErrNoVersion if
// nothing was published.
func (s *Service) Discard(ctx context.Context, c account.Caller, id uuid.UUID, seen Seen) (Template, error) {
	return s.change(ctx, c, id, func(ctx context.Context, tx bun.Tx, r *record) (*audit.Record, error) {
		if r.Revision != int(seen) {
			return nil, ErrVersion
		}
		was, err := tree(r.Draft)
		if err != nil {
			return nil, err
		}
		_, published, err := versionAt(ctx, tx, r.ID, r.Version)
		if err != nil {
			return nil, err
		}
		published.Next = max(published.Next, was.Next)
		return s.redraw(ctx, tx, r, was, published)
	})
}

// Publication is what somebody publishes.
type Publication struct {
	Comment string
	Seen    Seen
}

// Publish makes a version of the draft: from now on transactions begin with it. Errors: ErrNotFound; Invalid at comment
// ("too_long", "control_characters"); Conflict "template.unchanged"; ErrVersion, so that nobody publishes what they have
// not seen.
func (s *Service) Publish(ctx context.Context, c account.Caller, id uuid.UUID, p Publication) (Template, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Template{}, err
	}
	p.Comment = entry.Line(p.Comment)
	return s.change(ctx, c, id, func(ctx context.Context, tx bun.Tx, r *record) (*audit.Record, error) {
		switch {
		case !entry.IsText(p.Comment, false):
			return nil, fault.At("comment", "control_characters")
		case utf8.RuneCountInString(p.Comment) > MaxComment:
			return nil, fault.At("comment", "too_long").With("max", MaxComment)
		case r.Revision != int(p.Seen):
			return nil, ErrVersion
		case !r.Changed:
			return nil, fault.New(fault.Conflict, "template.unchanged")
		}
		r.Version++
		r.Changed, r.Undo = false, nil
		v := versionRecord{TemplateID: r.ID, Outline: r.Draft, Version: Version{Number: r.Version, Comment: p.Comment, Author: c.Name, At: s.Now()}}
		return &audit.Record{Action: audit.TemplatePublished, Detail: map[string]int64{"version": int64(r.Version)}}, insertVersion(ctx, tx, v)
	})
}
