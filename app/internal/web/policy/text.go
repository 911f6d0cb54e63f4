package policy

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/internal/web/kit"
	"kontor/app/policy"
)

type policyTextPage struct {
	Draft   policy.Draft
	Form    *kit.Form
	Unknown []stepView
}

func (s *Screens) showPolicyText(c *fiber.Ctx) error {
	d, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	return s.renderPolicyText(c, policyTextPage{Draft: d, Form: kit.NewForm(map[string]string{"text": d.Text})}, fiber.StatusOK)
}

func (s *Screens) renderPolicyText(c *fiber.Ctx, d policyTextPage, status int) error {
	title := s.Say(c, "policy.text")
	if status != fiber.StatusOK {
		title = s.ErrorTitle(c, title)
	}
	return s.Render(c, kit.View{Page: "policy/text", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Screens) savePolicyText(c *fiber.Ctx) error {
	f := kit.ReadForm(c, "text")
	edit := editOf(c)
	err := s.policies.SetText(s.Ctx(c), s.Caller(c), edit, f.Values["text"])
	if err == nil {
		return s.Redirect(c, kit.DraftPath, "toast.saved")
	}
	sent := kit.NewForm(f.Values)
	status, ok := s.Complain(c, sent, err)
	if !ok {
		return err
	}
	f.Message = sent.Message
	for _, wrong := range sent.Summary { // the complaints about all lines belong to this one field
		text := wrong.Message
		if n, ok := lineNumber(wrong.Field); ok {
			text = s.Say(c, "policy.line", map[string]any{"number": n, "text": wrong.Message})
		}
		f.Reject("text", text)
	}
	d, err := s.policies.Draft(s.Ctx(c), s.Caller(c))
	if err != nil {
		return err
	}
	page := policyTextPage{Draft: d, Form: f}
	if status == fiber.StatusConflict {
		// sending the form again must not revert what somebody else has changed
		if base, known := d.At(edit); known {
			f.Values["text"] = policy.Merge(base, f.Values["text"], d.Text)
			f.Message = s.Say(c, "fault.policy.behind_text", "by", d.ChangedBy)
		}
		w, err := s.PolicyWords(c)
		if err != nil {
			return err
		}
		for _, step := range d.Since(edit) {
			page.Unknown = append(page.Unknown, w.step(step))
		}
	}
	return s.renderPolicyText(c, page, status)
}
