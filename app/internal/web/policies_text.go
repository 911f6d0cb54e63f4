package web

import (
	"github.com/gofiber/fiber/v2"

	"kontor/app/policy"
)

type policyTextPage struct {
	Draft   policy.Draft
	Form    *form
	Unknown []stepView
}

func (s *Server) showPolicyText(c *fiber.Ctx) error {
	d, err := s.policies.Draft(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	return s.renderPolicyText(c, policyTextPage{Draft: d, Form: newForm(map[string]string{"text": d.Text})}, fiber.StatusOK)
}

func (s *Server) renderPolicyText(c *fiber.Ctx, d policyTextPage, status int) error {
	title := s.say(c, "policy.text")
	if status != fiber.StatusOK {
		title = s.errorTitle(c, title)
	}
	return s.render(c, view{Page: "policies/text", Title: title, Nav: "policies", Status: status, Data: d})
}

func (s *Server) savePolicyText(c *fiber.Ctx) error {
	f := readForm(c, "text")
	edit := editOf(c)
	err := s.policies.SetText(s.ctx(c), s.caller(c), edit, f.Values["text"])
	if err == nil {
		return s.redirect(c, draftPath, "toast.saved")
	}
	sent := newForm(f.Values)
	status, ok := s.complain(c, sent, err)
	if !ok {
		return err
	}
	f.Message = sent.Message
	for _, wrong := range sent.Summary { // every line's complaint leads to the one field
		text := wrong.Message
		if n, ok := lineNumber(wrong.Field); ok {
			text = s.say(c, "policy.line", map[string]any{"number": n, "text": wrong.Message})
		}
		f.wrong("text", text)
	}
	d, err := s.policies.Draft(s.ctx(c), s.caller(c))
	if err != nil {
		return err
	}
	page := policyTextPage{Draft: d, Form: f}
	if status == fiber.StatusConflict {
		// sent again it must not take back what somebody else has changed
		if base, known := d.At(edit); known {
			f.Values["text"] = policy.Merge(base, f.Values["text"], d.Text)
			f.Message = s.say(c, "fault.policy.behind_text", "by", d.ChangedBy)
		}
		w, err := s.policyWords(c)
		if err != nil {
			return err
		}
		for _, step := range d.Since(edit) {
			page.Unknown = append(page.Unknown, w.step(step))
		}
	}
	return s.renderPolicyText(c, page, status)
}
