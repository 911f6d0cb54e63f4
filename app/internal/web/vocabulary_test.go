package web

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"kontor/app/access"
	"kontor/app/courier"
	"kontor/app/customer"
	"kontor/app/internal/web/kit"
	"kontor/app/lang"
)

// returnedIDs are the dotted ids that functions of a package return as strings: the complaints of its checks.
func returnedIDs(t *testing.T, folder string) (ids []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repoRoot(t), folder, "*.go"))
	must(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			back, ok := n.(*ast.ReturnStmt)
			if !ok {
				return true
			}
			for _, r := range back.Results {
				if lit, ok := r.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, _ := strconv.Unquote(lit.Value); strings.Contains(s, ".") && looksLikeID.MatchString(s) {
						ids = append(ids, s)
					}
				}
			}
			return true
		})
	}
	return ids
}

// TestVocabulariesHaveWords: every value of every closed list that a page can show has a text.
func TestVocabulariesHaveWords(t *testing.T) {
	en := localeFile(t, "en")
	var ids []string
	for _, folder := range []string{"app/customer", "app/account"} {
		found := returnedIDs(t, folder)
		assert.NotEmpty(t, found, "%s returns no complaints", folder)
		for _, id := range found {
			ids = append(ids, "fault."+id)
		}
	}
	for _, complaint := range []string{"too_long", "control_characters"} {
		ids = append(ids, "fault."+complaint)
	}
	for _, f := range customer.Fields() {
		ids = append(ids, "field."+f.Name)
	}
	for _, name := range []string{"email", "mobile", "username", "roles"} {
		ids = append(ids, "field."+name)
	}
	for _, typ := range customer.Types {
		ids = append(ids, "type."+string(typ), "duplicate."+string(typ))
	}
	for _, reason := range courier.Reasons() {
		ids = append(ids, "reason."+reason)
	}
	for _, s := range goStrings(t, filepath.Join(repoRoot(t), "app/access")) {
		if strings.HasPrefix(s, "timeline.") {
			ids = append(ids, s)
		}
	}
	for status := range kit.Statuses {
		ids = append(ids, headingOf(kit.Statuses[status]))
	}
	ids = append(ids, "duplicate.email", "channel.email", "channel.sms", "salutation.mr", "salutation.ms", "salutation.mx")
	for _, id := range ids {
		_, there := en[id]
		assert.True(t, there, "%s has no words", id)
	}
}

// TestSortedTexts: the files of texts are sorted, so that texts are easy to find and two people who add texts seldom get
// a merge conflict.
func TestSortedTexts(t *testing.T) {
	for _, locale := range lang.All {
		raw := string(mustRead(t, filepath.Join(repoRoot(t), "views/locales", locale+".json")))
		last := ""
		for _, m := range regexp.MustCompile(`(?m)^  "([^"]+)":`).FindAllStringSubmatch(raw, -1) {
			assert.Greater(t, m[1], last, "%s: stands after", locale)
			last = m[1]
		}
	}
}

// TestFormalGerman: the German texts address people with Sie.
func TestFormalGerman(t *testing.T) {
	familiar := regexp.MustCompile(`\b(?:du|dich|dir|dein|deine|deinen|deinem|deiner|deines)\b`)
	for id, text := range localeFile(t, "de") {
		assert.False(t, familiar.MatchString(strings.ToLower(text)), "%s: %s", id, text)
	}
}

// TestEveryStatus renders accesses in each activity status, with every kind of step on their timelines, in both
// languages.
func TestEveryStatus(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	add := func(name string) access.Access {
		a, err := w.accesses.Create(ctx, w.admin, w.customer, access.Form{
			FirstName: name, LastName: "Kühn", Email: strings.ToLower(name) + "@kunde.example", Mobile: "+4915123456789", Locale: "de",
		}, "")
		must(t, err)
		return a
	}
	message := func(a access.Access, channel courier.Channel) (m courier.Message) {
		must(t, w.DB.NewSelect().Model(&m).Where("access_id = ?", a.ID).Where("channel = ?", channel).Order("created_at DESC").Limit(1).Scan(ctx))
		return m
	}
	add("Abgelaufen")
	w.deliver()
	w.Tick(access.LinkLife + time.Second)
	w.endUser() // Registered
	bounced, off, cancelled := add("Unzustellbar"), add("Aus"), add("Berichtigt")
	w.deliver()
	must(t, w.Post.Report(ctx, courier.ProviderReport{MessageID: message(bounced, courier.Email).ID, Status: "5.2.2", Detail: "full"}))
	must(t, w.Post.Report(ctx, courier.ProviderReport{MessageID: message(bounced, courier.SMS).ID, Delivered: true}))
	must(t, w.accesses.Deactivate(ctx, w.admin, w.customer, off.ID))
	w.Tick(time.Minute)
	must(t, w.accesses.Resend(ctx, w.admin, w.customer, cancelled.ID))
	must(t, w.accesses.Resend(ctx, w.admin, w.customer, bounced.ID))
	_, err := w.DB.NewUpdate().Table("message").Set("state = ?", courier.Sending).Where("id = ?", message(bounced, courier.SMS).ID).Exec(ctx)
	must(t, err)
	must(t, w.Post.Report(ctx, courier.ProviderReport{MessageID: message(cancelled, courier.Email).ID, Delayed: true, Detail: "greylisted"}))
	last := add("Wartend")
	must(t, w.Post.Report(ctx, courier.ProviderReport{MessageID: message(last, courier.Email).ID, Status: "5.1.1"}))

	b := w.signedIn()
	ids := textIDs(t)
	base := "/customers/" + w.customer.String()
	rows, err := w.accesses.OfCustomer(ctx, w.admin, w.customer)
	must(t, err)
	for _, b.language = range lang.All {
		paths := []string{base + "/authorisations", base + "/deliveries", base + "/log", "/customers", "/customers?status=attention"}
		for _, r := range rows {
			paths = append(paths, base+"/accesses/"+r.ID.String())
		}
		for _, path := range paths {
			a := b.get(path)
			a.want(t, http.StatusOK)
			checkPage(t, b.language+" "+path, a, ids)
		}
	}
	b.language = "en"
	all := b.get(base + "/authorisations")
	for _, status := range []access.Status{access.Invited, access.Registered, access.LinkExpired, access.Undeliverable, access.Deactivated} {
		assert.Contains(t, all.text(), w.TextsIn("en").Say("status."+string(status)), "no access is shown as")
	}
}
