package policy

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/uptrace/bun"

	"kontor/app/account"
	"kontor/app/approval"
	"kontor/app/audit"
	"kontor/app/fault"
	"kontor/policies"
)

// Draft returns the draft. Without a stored draft it is the published policy. policies.ErrForbidden.
func (s *Service) Draft(ctx context.Context, c account.Caller) (Draft, error) {
	if err := s.require(c, policies.Manage); err != nil {
		return Draft{}, err
	}
	return s.draft(ctx, s.o.DB)
}

func (s *Service) draft(ctx context.Context, db bun.IDB) (Draft, error) {
	v, err := newest(ctx, db)
	if err != nil {
		return Draft{}, err
	}
	r, err := readDraft(ctx, db)
	if err != nil {
		return Draft{}, err
	}
	d := Draft{
		Text: r.Text, Edit: r.Edit, Base: r.Base, Published: v, ChangedBy: r.ChangedBy, Steps: r.Steps,
		Proposed: r.ProposedBy.Valid, ProposedBy: r.ProposedBy.UUID, Proposer: r.Proposer, Comment: r.Comment,
	}
	// A draft that changes nothing of its older base version continues from the new one.
	idle := r.Edit == 0
	if !idle && r.Base != v.Number {
		base, err := version(ctx, db, r.Base)
		if err != nil {
			return Draft{}, err
		}
		idle = base.Text == r.Text
	}
	if idle {
		d.Text, d.Base, d.Steps = v.Text, v.Number, nil
	}
	d.Added, d.Removed = policies.Diff(v.Document(), d.Document())
	return d, nil
}

// AddRule adds a rule to the draft. policies.ErrForbidden; ErrBehind; Invalid at the field as policies.Rule.Check, or
// at action with "policy.twice" when the draft already contains the rule.
func (s *Service) AddRule(ctx context.Context, c account.Caller, edit int, r policies.Rule) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, kinds policies.Vocabulary) error {
		if err := checkRule(d.Document(), r, kinds); err != nil {
			return err
		}
		d.Text = exchange(d.Text, "", r.String())
		d.settle()
		return nil
	})
}

// settle makes the draft the published policy again when it differs from it only in the order of its lines, which says
// nothing: a rule that was removed and added again comes last of its role.
func (d *Draft) settle() {
	if d.Base != d.Published.Number {
		return
	}
	sorted := func(text string) []string { return slices.Sorted(slices.Values(split(text))) }
	if slices.Equal(sorted(d.Text), sorted(d.Published.Text)) {
		d.Text = d.Published.Text
	}
}

// ChangeRule replaces the rule was by r. Errors as of AddRule, and ErrGone when the draft no longer contains was.
func (s *Service) ChangeRule(ctx context.Context, c account.Caller, edit int, was, r policies.Rule) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, kinds policies.Vocabulary) error {
		switch doc := d.Document(); {
		case !slices.Contains(doc.Rules, was):
			return ErrGone
		case r == was:
			return nil
		default:
			if err := checkRule(doc, r, kinds); err != nil {
				return err
			}
		}
		d.Text = exchange(d.Text, was.String(), r.String())
		return nil
	})
}

func checkRule(d policies.Document, r policies.Rule, kinds policies.Vocabulary) error {
	var form fault.Form
	form.AddError(r.Check(kinds))
	if slices.Contains(d.Rules, r) {
		form.Add("action", "policy.twice")
	}
	return form.Err()
}

// RemoveRule removes a rule from the draft. policies.ErrForbidden, ErrBehind, ErrGone.
func (s *Service) RemoveRule(ctx context.Context, c account.Caller, edit int, r policies.Rule) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, _ policies.Vocabulary) error {
		if !slices.Contains(d.Document().Rules, r) {
			return ErrGone
		}
		d.Text = exchange(d.Text, r.String(), "")
		return nil
	})
}

// ToggleRule adds a rule to the draft, or removes it when the draft has it. Errors as of AddRule.
func (s *Service) ToggleRule(ctx context.Context, c account.Caller, edit int, r policies.Rule) (added bool, err error) {
	err = s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, kinds policies.Vocabulary) error {
		if added = !slices.Contains(d.Document().Rules, r); added {
			d.Text = exchange(d.Text, "", r.String())
		} else {
			d.Text = exchange(d.Text, r.String(), "")
		}
		d.settle()
		return checkRule(policies.Document{}, r, kinds)
	})
	return added, err
}

// Deciders returns what decides by the draft, and what decides by the version that it would replace.
func (s *Service) Deciders(d Draft) (next, published *policies.Decider, err error) {
	if published, err = s.InForce(d.Published); err != nil || !d.Changed() {
		return published, published, err
	}
	next, err = policies.New(d.Text)
	return next, published, err
}

// AddInclusion gives a role all rights of another role. policies.ErrForbidden; ErrBehind; Invalid at role
// ("policy.role") or includes ("policy.twice").
func (s *Service) AddInclusion(ctx context.Context, c account.Caller, edit int, in policies.Inclusion) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, _ policies.Vocabulary) error {
		var form fault.Form
		form.AddError(in.Check())
		if slices.Contains(d.Document().Inclusions, in) {
			form.Add("includes", "policy.twice")
		}
		d.Text = exchange(d.Text, "", in.String())
		return form.Err()
	})
}

// RemoveInclusion removes an inclusion from the draft. policies.ErrForbidden, ErrBehind, ErrGone.
func (s *Service) RemoveInclusion(ctx context.Context, c account.Caller, edit int, in policies.Inclusion) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, _ policies.Vocabulary) error {
		if !slices.Contains(d.Document().Inclusions, in) {
			return ErrGone
		}
		d.Text = exchange(d.Text, in.String(), "")
		return nil
	})
}

// SetText replaces the whole text of the draft. policies.ErrForbidden; ErrBehind; Invalid whose Fields are the lines,
// as policies.Parse, or text ("too_long" with max, "control_characters").
func (s *Service) SetText(ctx context.Context, c account.Caller, edit int, text string) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, kinds policies.Vocabulary) (err error) {
		d.Text, err = CheckText(text, kinds)
		return err
	})
}

// CheckText checks whether a text can be a policy, and returns it with line feeds only. The errors are those of
// SetText.
func CheckText(text string, kinds policies.Vocabulary) (string, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var form fault.Form
	if len(text) > maxText {
		form.AddError(fault.At("text", "too_long").With("max", maxText))
		return "", form.Err()
	}
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		form.Add("text", "control_characters")
		return "", form.Err()
	}
	_, err := policies.Parse(text, kinds)
	return text, err
}

// Discard resets the draft to the published policy. policies.ErrForbidden, ErrBehind.
func (s *Service) Discard(ctx context.Context, c account.Caller, edit int) error {
	return s.write(ctx, c, edit, func(_ context.Context, _ bun.IDB, d *Draft, _ policies.Vocabulary) error {
		d.Text, d.Base = d.Published.Text, d.Published.Number
		return nil
	})
}

// Take replaces the draft's text by the text of a published version. policies.ErrForbidden, ErrBehind, ErrVersion.
func (s *Service) Take(ctx context.Context, c account.Caller, edit, number int) error {
	return s.write(ctx, c, edit, func(ctx context.Context, tx bun.IDB, d *Draft, _ policies.Vocabulary) error {
		v, err := version(ctx, tx, number)
		d.Text, d.Base = v.Text, d.Published.Number
		return err
	})
}

// Undo reverts the last change of the draft. policies.ErrForbidden; ErrBehind; ErrNothing when there is no change to
// revert.
func (s *Service) Undo(ctx context.Context, c account.Caller, edit int) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		d, err := s.at(ctx, tx, edit)
		if err != nil {
			return err
		}
		if len(d.Steps) == 0 {
			return ErrNothing
		}
		if err := s.withdraw(ctx, tx, c); err != nil {
			return err
		}
		last := d.Steps[len(d.Steps)-1]
		d.Text, d.Base, d.Steps = last.Before, last.Base, d.Steps[:len(d.Steps)-1]
		d.unpropose()
		return save(ctx, tx, c, d)
	})
}

// Rebase applies the draft's changes to the version in force: it removes the lines that the draft removed and adds
// those that it added. policies.ErrForbidden, ErrBehind.
func (s *Service) Rebase(ctx context.Context, c account.Caller, edit int) error {
	return s.write(ctx, c, edit, func(ctx context.Context, tx bun.IDB, d *Draft, _ policies.Vocabulary) error {
		base, err := version(ctx, tx, d.Base)
		if err != nil {
			return err
		}
		added, removed := policies.Diff(base.Document(), d.Document())
		d.Text, d.Base = d.Published.Text, d.Published.Number
		has := linesOf(d.Document())
		for _, line := range removed {
			d.Text = exchange(d.Text, line, "")
		}
		for _, line := range added {
			if !slices.Contains(has, line) {
				d.Text = exchange(d.Text, "", line)
			}
		}
		return nil
	})
}

func linesOf(d policies.Document) []string { return strings.Split(strings.TrimSpace(d.String()), "\n") }

// exchange replaces the line was of a policy text by line. Without was, it inserts line after the last rule of its
// role. Without line, it deletes was. Comments stay where they are.
func exchange(text, was, line string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	at := len(lines)
	wanted := document(line)
	for i, raw := range lines {
		d := document(raw)
		if was != "" && strings.TrimSpace(d.String()) == was {
			lines = slices.Delete(lines, i, i+1)
			at = i
			break
		}
		if len(d.Rules) == 1 && len(wanted.Rules) == 1 && d.Rules[0].Role == wanted.Rules[0].Role {
			at = i + 1
		}
	}
	if line != "" {
		lines = slices.Insert(lines, at, line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// Propose asks for the draft to be published as it is. A second person approves it, or another policy administrator
// publishes it. Any change of the draft ends the proposal. policies.ErrForbidden; ErrBehind; ErrBase; ErrNothing;
// Invalid at comment.
func (s *Service) Propose(ctx context.Context, c account.Caller, edit int, comment string) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	comment, err := checkComment(comment)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := approval.LockHolders(ctx, tx); err != nil {
			return err
		}
		d, err := s.at(ctx, tx, edit)
		if err != nil {
			return err
		}
		if err := d.publishable(); err != nil {
			return err
		}
		if err := s.withdraw(ctx, tx, c); err != nil {
			return err
		}
		d.Proposed, d.ProposedBy, d.Proposer, d.Comment = true, c.ID, c.Name, comment
		if err := save(ctx, tx, c, d); err != nil {
			return err
		}
		_, err = s.o.Approvals.Propose(ctx, tx, c.Actor(), approval.Proposal{
			Kind: approval.PolicyChange, Detail: DraftProposed{d.Edit + 1, d.Added, d.Removed}, Why: comment,
		})
		if err != nil {
			return err
		}
		return s.o.Audit.Write(ctx, tx, c.Actor(), audit.Record{
			Action: audit.PolicyProposed, Subject: comment, Detail: changesOf(d.Published.Document(), d.Document()),
		})
	})
}

func (d Draft) publishable() error {
	switch {
	case !d.Changed():
		return ErrNothing
	case d.Stale():
		return ErrBase.With("version", d.Published.Number).With("by", d.Published.Author)
	}
	return nil
}

func (d *Draft) unpropose() {
	d.Proposed, d.ProposedBy, d.Proposer, d.Comment = false, uuid.Nil, "", ""
}

// write changes the draft with fn if it is still the draft that the caller saw.
func (s *Service) write(
	ctx context.Context, c account.Caller, edit int,
	fn func(ctx context.Context, tx bun.IDB, d *Draft, kinds policies.Vocabulary) error,
) error {
	if err := s.require(c, policies.Manage); err != nil {
		return err
	}
	known, err := Vocabulary(ctx, s.o.DB)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		d, err := s.at(ctx, tx, edit)
		if err != nil {
			return err
		}
		before := d
		if err := fn(ctx, tx, &d, known); err != nil {
			return err
		}
		if d.Text == before.Text && d.Base == before.Base {
			return nil
		}
		s.step(c, before, &d)
		if err := s.withdraw(ctx, tx, c); err != nil {
			return err
		}
		return save(ctx, tx, c, d)
	})
}

// step records a change of the draft, so that Undo can revert it. It ends a proposal.
func (s *Service) step(c account.Caller, before Draft, d *Draft) {
	added, removed := policies.Diff(before.Document(), d.Document())
	d.Steps = append(slices.Clone(d.Steps), Step{
		Edit: before.Edit + 1, By: c.Name, At: s.o.Now(), Added: added, Removed: removed, Before: before.Text, Base: before.Base,
	})
	d.Steps = d.Steps[max(0, len(d.Steps)-maxSteps):]
	d.unpropose()
}

// at loads the draft for a caller who saw it at this edit. ErrBehind.
func (s *Service) at(ctx context.Context, tx bun.IDB, edit int) (Draft, error) {
	d, err := s.draft(ctx, tx)
	if err == nil && d.Edit != edit {
		return d, behind(d)
	}
	return d, err
}

func behind(d Draft) error { return ErrBehind.With("by", d.ChangedBy) }

// save writes the draft that was read at its Edit. ErrBehind when another tx wrote it first.
func save(ctx context.Context, tx bun.IDB, c account.Caller, d Draft) error {
	d.ChangedBy = c.Name
	ok, err := putDraft(ctx, tx, d)
	if err == nil && !ok {
		return behind(d)
	}
	return err
}

// changesOf returns the difference in the form in which the log stores it.
func changesOf(old, new policies.Document) audit.Changes {
	added, removed := policies.Diff(old, new)
	return audit.Changes{"policy_rules": {strings.Join(removed, "; "), strings.Join(added, "; ")}}
}
