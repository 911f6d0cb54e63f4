package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kontor/app/internal/web/kit"
	"kontor/policies"
)

// TestOfferedRights: new permissions of a version are listed under Needs attention for people who may manage policies. A
// link leads to the draft, where they are taken over or dismissed. Nobody has them before that.
func TestOfferedRights(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	text := policies.Default
	for _, o := range policies.Offers {
		for _, r := range o.Rules {
			text = strings.Replace(text, r.String()+"\n", "", 1)
		}
	}
	for _, sql := range []string{`DELETE FROM policy_offer`, `UPDATE policy_version SET text = '` + strings.ReplaceAll(text, "'", "''") + `'`} {
		_, err := w.DB.ExecContext(ctx, sql)
		must(t, err)
	}
	must(t, w.policyService.Offer(ctx))
	w.specialist("petra@kanzlei.example", policies.PolicyAdministrator)
	w.specialist("clara@kanzlei.example")
	petra, clara := w.browser().signIn("petra@kanzlei.example", strong), w.browser().signIn("clara@kanzlei.example", strong)
	page := petra.get("/attention")
	all := strconv.Itoa(len(policies.Offers))
	page.want(t, http.StatusOK, "New rights", all+" rights are new in this version. Publish or dismiss them.")
	assert.Equal(t, kit.DraftPath+"#offers", attr(page.doc(t), "main a:contains('View')", "href"), "the link leads")
	badge := page.doc(t).Find(`#nav a[href="/attention"] .tag`).Text()
	assert.Equal(t, all, badge, "the badge says")
	petra.get("/policies").want(t, http.StatusOK, all+" rights are new in this version")
	petra.get(kit.DraftPath).want(t, http.StatusOK, "New in this version", "Read the built-in mailbox", "User administrators may see the built-in mailbox.", "In the draft")
	assert.NotContains(t, clara.get("/attention").text(), "New rights", "who may not manage policies is told")
	petra.send(kit.DraftPath+"/offers/mailbox/dismiss", "edit", "0").want(t, http.StatusConflict)
	petra.send(kit.DraftPath+"/offers/mailbox/dismiss", "edit", petra.edit()).goesTo(t, kit.DraftPath)
	petra.get(kit.DraftPath).want(t, http.StatusOK, "Dismissed. You won't be offered it again.")
	petra.send(kit.DraftPath+"/discard", "edit", petra.edit()).goesTo(t, kit.DraftPath)
	petra.language = "de"
	petra.get("/attention").want(t, http.StatusOK, "Neue Rechte", strconv.Itoa(len(policies.Offers)-1)+" Rechte sind in dieser Version neu")
	petra.send(kit.DraftPath+"/offers/approval/take", "edit", petra.edit()).goesTo(t, kit.DraftPath)
	petra.get(kit.DraftPath).want(t, http.StatusOK, "Sehen, was auf eine zweite Person wartet", "Im Entwurf")
	petra.send(kit.DraftPath+"/offers/mailbox/take", "edit", petra.edit()).want(t, http.StatusNotFound)
	w.signedIn().get("/audit").want(t, http.StatusOK, "New right dismissed")
}
