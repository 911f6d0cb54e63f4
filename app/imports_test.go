package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// may says which of our packages a package may import, besides itself: see app/docs/architecture.md. "*" is all.
// A package that is missing here fails the test, so a new package must be given its place; so does an import that is
// allowed and not made, and a package that there is not.
var may = map[string]string{
	"views":                     "",
	"migrations":                "",
	"app/fault":                 "",
	"app/await":                 "",
	"app/effort":                "",
	"app/lang":                  "",
	"app/lease":                 "",
	"app/preference":            "app/fault",
	"app/entry":                 "",
	"app/phone":                 "app/entry",
	"app/logo":                  "",
	"policies":                  "app/fault",
	"policies/policytest":       "policies",
	"app/config":                "app/entry app/filetype app/lang",
	"app/commandline":           "app/config",
	"app/store":                 "app/entry app/config app/fault",
	"app/store/storetest":       "app/effort app/store migrations",
	"app/erasure":               "app/store",
	"app/listing":               "app/store",
	"app/sample":                "app/store",
	"app/spreadsheet":           "app/fault",
	"app/backup":                "",
	"app/blob":                  "app/fault app/secret app/store",
	"app/document":              "app/account app/audit app/blob app/customer app/entry app/fault app/filetype app/store app/transaction policies",
	"app/document/documenttest": "app/account/accounttest app/blob app/customer app/document app/filetype app/transaction",
	"app/filetype":              "",
	"app/secret":                "app/entry app/store app/fault",
	"app/courier":               "app/listing app/logo app/store app/fault app/secret app/lang app/lease",
	"app/courier/couriertest":   "",
	"app/audit":                 "app/listing app/store",
	"app/job":                   "app/audit app/fault app/lease app/store",
	"app/approval":              "app/store app/fault app/courier app/audit policies app/lang",
	"app/account":               "app/entry app/listing app/preference app/store app/fault app/secret app/courier app/audit app/approval policies app/lang",
	"app/account/accounttest":   "app/account app/approval app/audit app/courier app/fault app/job app/preference app/secret app/store policies views app/lang",
	"app/assignment":            "app/store",
	"app/customer":              "app/listing app/sample app/assignment app/erasure app/job app/entry app/phone app/store app/fault app/secret app/courier app/audit app/account policies app/lang",
	"app/access":                "app/erasure app/entry app/phone app/store app/fault app/secret app/courier app/audit app/account app/approval app/customer policies app/lang",
	"app/bulk":                  "app/access app/account app/assignment app/audit app/customer app/fault app/job app/listing app/store app/transaction policies",
	"app/customerimport":        "app/access app/account app/audit app/customer app/entry app/fault app/job app/lang app/secret app/spreadsheet app/store policies",
	"app/transaction":           "app/listing app/sample app/entry app/store app/fault app/audit app/account app/assignment app/customer policies app/lang",
	"app/authorisation":         "app/listing app/erasure app/access app/account app/approval app/assignment app/audit app/customer app/fault app/secret app/store app/transaction policies",
	"app/handover":              "app/account app/approval app/assignment app/audit app/customer app/fault app/job app/listing app/store app/transaction policies",
	"app/note":                  "app/account app/audit app/customer app/entry app/fault app/listing app/store policies",
	"app/firm":                  "app/account app/audit app/config app/courier app/entry app/fault app/lang app/logo app/phone app/preference app/store policies",
	"app/history":               "app/access app/account app/audit app/courier app/customer app/listing app/note app/store app/transaction policies",
	"app/savedview":             "app/account app/entry app/fault app/store policies",
	"app/attention":             "app/listing app/handover app/access app/account app/approval app/courier app/customer app/fault app/preference app/store app/transaction policies",
	"app/policy":                "app/entry app/account app/approval app/assignment app/audit app/fault app/store app/transaction policies",
	"worker/loop":               "app/courier app/fault app/job app/store",
	"app/demo":                  "app/account app/approval app/assignment app/audit app/bulk app/courier app/customer app/customerimport app/firm app/handover app/job app/policy app/savedview app/store app/transaction policies app/document app/template",
	"app/heartbeat":             "app/secret app/store",
	"app/metrics":               "app/approval app/courier app/heartbeat app/job app/store",
	"app/bench":                 "app/account app/config app/demo app/listing app/secret app/store app/wire migrations policies",
	"app/demo/demotest":         "app/demo app/store app/store/storetest migrations",
	"app/template":              "app/account app/audit app/customer app/document app/entry app/fault app/lang app/store app/transaction policies app/filetype",
	"app/internal/web/template": "app/account app/document app/entry app/fault app/internal/web/kit app/internal/web/text app/lang app/template app/transaction policies app/filetype",
	"app/wire":                  "*",
	"app":                       "*",
	"worker":                    "*",
	"app/flaky":                 "",
	"app/clamd":                 "",

	// The screens:
	"app/internal/web/text":           "app/customer app/phone app/store policies app/lang",
	"app/internal/web/static":         "",
	"app/internal/web/client":         "",
	"app/internal/web/kit":            "app/account app/audit app/config app/entry app/fault app/firm app/internal/web/client app/internal/web/static app/internal/web/text app/phone app/secret app/spreadsheet app/store policies app/lang app/logo app/preference",
	"app/internal/web/kit/kittest":    "app/account app/firm app/internal/web/client app/internal/web/kit app/internal/web/static app/secret policies views app/lang",
	"app/internal/web/customerpage":   "app/audit app/authorisation app/customer app/internal/web/kit app/note app/store app/transaction policies",
	"app/internal/web/access":         "app/access app/courier app/internal/web/customerpage app/internal/web/kit app/internal/web/text",
	"app/internal/web/account":        "app/account app/handover app/internal/web/kit app/internal/web/signin app/internal/web/text app/secret app/preference",
	"app/internal/web/approval":       "app/account app/approval app/internal/web/kit app/internal/web/policy app/policy policies",
	"app/internal/web/savedview":      "app/account app/internal/web/kit app/preference app/savedview",
	"app/internal/web/attention":      "app/attention app/internal/web/kit",
	"app/internal/web/audit":          "app/audit app/internal/web/customerpage app/internal/web/kit app/internal/web/transaction app/note app/store app/transaction policies app/access app/account app/customer app/fault app/handover app/internal/web/text app/lang",
	"app/internal/web/authorisation":  "app/approval app/authorisation app/fault app/internal/web/access app/internal/web/customerpage app/internal/web/kit app/internal/web/text app/internal/web/transaction app/transaction policies",
	"app/internal/web/customer":       "app/access app/account app/bulk app/customer app/internal/web/customerpage app/internal/web/kit app/internal/web/savedview app/internal/web/text app/internal/web/transaction app/phone app/savedview app/transaction policies",
	"app/internal/web/firm":           "app/firm app/internal/web/kit app/internal/web/text app/phone policies",
	"app/internal/web/history":        "app/audit app/firm app/history app/internal/web/audit app/internal/web/customerpage app/internal/web/kit app/note policies",
	"app/internal/web/handover":       "app/approval app/customer app/handover app/internal/web/kit",
	"app/internal/web/operation":      "app/access app/account app/approval app/audit app/courier app/fault app/heartbeat app/internal/web/kit app/job app/policy app/store policies app/lang",
	"app/internal/web/policy":         "app/account app/internal/web/kit app/internal/web/text app/policy app/transaction policies",
	"app/internal/web/portal":         "app/access app/internal/web/document app/internal/web/kit app/internal/web/transaction app/transaction policies",
	"app/internal/web/registration":   "app/access app/fault app/internal/web/kit app/internal/web/signin app/secret app/store",
	"app/internal/web/search":         "app/customer app/internal/web/customer app/internal/web/kit app/internal/web/transaction app/transaction policies app/account app/fault app/preference app/store",
	"app/internal/web/signin":         "app/account app/fault app/internal/web/kit app/store policies",
	"app/internal/web/specialist":     "app/account app/approval app/courier app/handover app/internal/web/account app/internal/web/approval app/internal/web/kit app/internal/web/text app/internal/web/transaction policies",
	"app/internal/web/tour":           "app/account app/internal/web/kit policies",
	"app/internal/web/transaction":    "app/account app/bulk app/customer app/internal/web/customerpage app/internal/web/document app/internal/web/kit app/internal/web/savedview app/internal/web/text app/savedview app/transaction policies app/fault app/template",
	"app/internal/web/document":       "app/account app/blob app/document app/fault app/filetype app/internal/web/kit app/internal/web/text app/store app/transaction",
	"app/internal/web":                "app/document app/internal/web/document app/access app/account app/approval app/attention app/audit app/authorisation app/bulk app/courier app/customer app/customerimport app/fault app/firm app/handover app/history app/internal/web/access app/internal/web/account app/internal/web/approval app/internal/web/attention app/internal/web/audit app/internal/web/authorisation app/internal/web/bulk app/internal/web/client app/internal/web/customer app/internal/web/customerimport app/internal/web/customerpage app/internal/web/firm app/internal/web/handover app/internal/web/history app/internal/web/kit app/internal/web/operation app/internal/web/policy app/internal/web/portal app/internal/web/registration app/internal/web/savedview app/internal/web/search app/internal/web/signin app/internal/web/specialist app/internal/web/static app/internal/web/tour app/internal/web/transaction app/job app/policy app/savedview app/secret app/store app/transaction policies app/internal/web/template app/template",
	"app/internal/web/bulk":           "app/bulk app/internal/web/customer app/internal/web/kit app/internal/web/text app/internal/web/transaction app/transaction",
	"app/internal/web/customerimport": "app/customer app/customerimport app/fault app/internal/web/customer app/internal/web/kit app/internal/web/text app/spreadsheet",
}

// webLayer and all packages below it may know Fiber.
const webLayer = "app/internal/web"

// only lists libraries that only some packages may import.
var only = map[string][]string{
	"github.com/gofiber/":        {webLayer, "app/bench"},
	"github.com/hibiken/asynq":   {"worker/loop"},
	"github.com/redis/":          {"worker/loop"},
	"github.com/casbin/":         {"policies"},
	"github.com/wneessen/":       {"app/courier"},
	"github.com/emersion/":       {"app/courier", "app/courier/couriertest"},
	"github.com/alicebob/":       {"worker/loop"},
	"github.com/alecthomas/":     {"app", "worker", "app/commandline", "app/bench"},
	"filippo.io/":                {"app/backup", "app/blob", "app/wire"},
	"github.com/minio/":          {"app/blob"},
	"github.com/gabriel-vasile/": {"app/filetype"},
	"github.com/xuri/":           {"app/spreadsheet"},
	"go.yaml.in/":                {"app/template"},
	"modernc.org/sqlite":         {"app/store"},
	"github.com/jackc/":          {"app/store"},
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "kontor/...").Output()
	require.NoError(t, err)
	dec := json.NewDecoder(strings.NewReader(string(out)))
	made := map[string][]string{} // imports, by package
	for {
		var p struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) == 0 {
			continue
		}
		pkg := strings.TrimPrefix(p.ImportPath, "kontor/")
		made[pkg] = []string{}
		allowed, known := may[pkg]
		if !assert.True(t, known, "%s has no place in the import rules", pkg) {
			continue
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, "kontor/")
			made[pkg] = append(made[pkg], ours)
			if isOurs && allowed != "*" && !slices.Contains(strings.Fields(allowed), ours) {
				t.Errorf("%s must not import %s", pkg, ours)
			}
			for library, packages := range only {
				inside := func(r string) bool { return pkg == r || strings.HasPrefix(pkg, r+"/") && r == webLayer }
				if strings.HasPrefix(imported, library) && !slices.ContainsFunc(packages, inside) {
					t.Errorf("%s must not import %s: only %s may", pkg, imported, strings.Join(packages, ", "))
				}
			}
			for _, name := range []string{"utils", "helpers", "common", "util"} {
				if isOurs && path.Base(ours) == name {
					t.Errorf("%s imports %s: a package is named after what it is for", pkg, ours)
				}
			}
		}
	}
	for pkg, allowed := range may {
		_, there := made[pkg]
		assert.True(t, there, "there is no package %s", pkg)
		for _, name := range strings.Fields(allowed) {
			if name != "*" && !slices.Contains(made[pkg], name) {
				t.Errorf("%s may import %s, and does not", pkg, name)
			}
		}
	}
	for library, packages := range only {
		for _, pkg := range packages {
			assert.True(t, slices.ContainsFunc(made[pkg], func(imported string) bool { return strings.HasPrefix(imported, library) }), "%s may import %s, and does not", pkg, library)
		}
	}
}
