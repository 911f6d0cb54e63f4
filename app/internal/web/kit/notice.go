package kit

import (
	"kontor/app/internal/web/text"
	"kontor/policies"
)

// notice says that the mailbox keeps messages which customers wait for, and who can read them there. It is "" if
// everything is delivered, or if nobody expects delivery.
func (k *Kit) notice(t *text.Texts) (string, error) {
	if k.undelivered == "" {
		return "", nil
	}
	readers := false
	for _, r := range policies.FirmRoles {
		ok, err := k.Policy.Allows(policies.Request{Roles: []policies.Role{r}, Object: policies.ObjectMailbox, Action: policies.Read})
		if err != nil {
			return "", err
		}
		readers = readers || ok
	}
	said := t.Say("undelivered." + k.undelivered)
	if !readers {
		return said + " " + t.Say("undelivered.unread"), nil
	}
	return said + " " + t.Say("undelivered.readers"), nil
}
