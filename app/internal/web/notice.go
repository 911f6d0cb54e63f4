package web

import "kontor/policies"

// notice says what it means that the mailbox keeps messages that customers wait for, and who can read them there; "" where
// everything is delivered, or nobody expects it.
func (s *Server) notice(t *texts) (string, error) {
	if s.undelivered == "" {
		return "", nil
	}
	readers := false
	for _, r := range policies.FirmRoles {
		ok, err := s.policy.Allows(policies.Request{Roles: []policies.Role{r}, Object: policies.Mailbox, Action: policies.Read})
		if err != nil {
			return "", err
		}
		readers = readers || ok
	}
	said := t.say("undelivered." + s.undelivered)
	if !readers {
		return said + " " + t.say("undelivered.unread"), nil
	}
	return said + " " + t.say("undelivered.readers"), nil
}
