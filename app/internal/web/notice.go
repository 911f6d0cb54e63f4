package web

import (
	"strings"

	"kontor/policies"
)

// notice says what it means that the mailbox keeps messages that customers wait for, and who can read them there; "" where
// everything is delivered, or nobody expects it.
func (s *Server) notice(t *templates) (string, error) {
	if s.undelivered == "" {
		return "", nil
	}
	var readers []string
	for _, r := range policies.FirmRoles {
		ok, err := s.policy.Allows(policies.Request{Roles: []policies.Role{r}, Object: policies.Mailbox, Action: policies.Read})
		if err != nil {
			return "", err
		}
		if ok {
			readers = append(readers, t.say("role."+string(r)))
		}
	}
	said := t.say("undelivered." + s.undelivered)
	if len(readers) == 0 {
		return said + " " + t.say("undelivered.unread"), nil
	}
	return said + " " + t.say("undelivered.readers", "Roles", strings.Join(readers, ", ")), nil
}
