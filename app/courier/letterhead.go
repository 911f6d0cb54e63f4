package courier

import (
	"net/mail"

	"kontor/app/logo"
)

// Letterhead is what mails and SMS show of the firm.
type Letterhead struct {
	Firm  string     // its name
	Links []FirmLink // below every e-mail
	Logo  *logo.Logo // above every e-mail; nil: none
}

// writing is a renderer with the letterhead that it was made for, and what follows from it.
type writing struct {
	*renderer
	letterhead *Letterhead
	from       *mail.Address
	logo       *logo.Logo
	sender     string // of SMS, unless SMS_FROM is set
}

// writes returns what writes messages under the letterhead that holds now. It is made anew when the letterhead is another
// one. If that fails, which the check at the start makes unlikely, messages keep the letterhead before.
func (s *Service) writes() *writing {
	is := s.writing.Load()
	if s.current == nil {
		return is
	}
	now := s.current()
	if now == is.letterhead {
		return is
	}
	made, err := s.write(now)
	if err != nil {
		s.log.Error("messages can't be written under the firm's new letterhead; they keep the one before", "error", err)
		return is
	}
	s.writing.Store(made)
	return made
}

// write makes what writes messages under a letterhead.
func (s *Service) write(l *Letterhead) (*writing, error) {
	r, err := newRenderer(s.templates, l.Firm, s.zone)
	if err != nil {
		return nil, err
	}
	from := *s.from
	if from.Name == "" {
		from.Name = oneLine(l.Firm)
	}
	_, host, _ := cutAddress(from.Address)
	r.with(firmed{from: &from, links: l.Links, reply: s.reply, logo: l.Logo, host: host})
	return &writing{renderer: r, letterhead: l, from: &from, logo: l.Logo, sender: senderOf(l.Firm)}, nil
}
