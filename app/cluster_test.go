package main

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/await"
	"kontor/app/courier/couriertest"
	"kontor/app/store"
	"kontor/app/store/storetest"
)

// TestCluster runs the production set-up as processes: two web processes, two workers, PostgreSQL and a Redis of its own.
// While customers are added through both web processes, a worker is killed, and Redis is killed, restarted and emptied.
// Every message reaches the right person. What one process changes, the other sees at once. No token or code is found
// anywhere but in the messages (S11).
func TestCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	firm := visitor(t, c.web[0])
	firm.signIn("admin@kontor.local", goodPassword).is(http.StatusOK, "/customers")
	sides := []*someone{firm, {t: t, base: c.web[1], client: firm.client, lang: "en"}}

	paths := c.addThroughTrouble(sides)
	c.everythingArrived(len(paths))
	c.registration(sides, paths[0])
	c.specialist(sides)
	for _, at := range sides {
		at.get(paths[1]).shows("Handed over")
	}
	c.holdsNoSecrets(firm)
	for _, p := range c.processes {
		p.terminate()
	}
	c.redis.terminate()
	c.logsHoldNoSecrets()
}

type cluster struct {
	t           *testing.T
	programs    programs
	settings    map[string]string
	web         [2]string // addresses
	processes   []*process
	worker      *process // this one is killed
	redis       *process
	redisAt     string
	redisDir    string
	smtp        *couriertest.SMTPPeer
	gateway     *couriertest.GatewayPeer
	log         *output
	databaseURL string
}

func newCluster(t *testing.T) *cluster {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server to kill and start again")
	}
	c := &cluster{
		t: t, databaseURL: storetest.PostgresURL(t), redisAt: freeAddress(t), redisDir: t.TempDir(), log: &output{},
		smtp: couriertest.NewSMTPPeer(t), gateway: couriertest.NewGatewayPeer(t), programs: build(t),
	}
	listen := [2]string{freeAddress(t), freeAddress(t)}
	c.web = [2]string{"http://" + listen[0], "http://" + listen[1]}
	c.settings = map[string]string{
		"BASE_URL": c.web[0], "DATABASE_URL": c.databaseURL, "REDIS_URL": "redis://" + c.redisAt + "/0", "LOG": "debug",
		"SMTP_URL": c.smtp.URL(), "SMS_URL": c.gateway.URL(), "SECRET_KEY": productionKey,
		"ADMIN_EMAIL": "admin@kontor.local", "ADMIN_PASSWORD": goodPassword,
	}
	c.startRedis()
	// All processes start at the same time. Both web processes find an empty database, and the workers find no schema.
	c.worker = c.start(c.programs.worker, "")
	c.processes = append(c.processes, c.start(c.programs.worker, ""))
	for i, l := range listen {
		c.processes = append(c.processes, c.start(c.programs.app, l))
		defer c.processes[len(c.processes)-1].answers(c.web[i])
	}
	return c
}

func (c *cluster) start(program, listen string) *process {
	env := map[string]string{}
	for k, v := range c.settings {
		env[k] = v
	}
	if listen != "" {
		env["LISTEN"] = listen
	}
	return launch(c.t, c.log, env, program)
}

// startRedis starts Redis with a file of everything that it is told, never rewritten, so that it can be searched.
func (c *cluster) startRedis() {
	host, port, err := net.SplitHostPort(c.redisAt)
	require.NoError(c.t, err)
	c.redis = launch(c.t, &output{}, nil, "redis-server", "--bind", host, "--port", port, "--dir", c.redisDir, "--appendonly", "yes",
		"--appendfsync", "always", "--auto-aof-rewrite-percentage", "0", "--rdbcompression", "no", "--save", "")
	client := c.redisClient()
	await.True(c.t, "Redis", func() bool { return client.Ping(context.Background()).Err() == nil })
}

func (c *cluster) redisClient() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: c.redisAt, MaxRetries: -1})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

func person(i int) (email, mobile string) {
	if i%4 < 2 {
		mobile = fmt.Sprintf("+49151234560%02d", i)
	}
	return fmt.Sprintf("person%d@kunde.example", i), mobile
}

// addThroughTrouble adds 20 customers through both web processes in turn, and returns their addresses.
func (c *cluster) addThroughTrouble(sides []*someone) (paths []string) {
	for i := range 20 {
		switch i {
		case 6:
			c.worker.kill()
		case 8:
			c.redis.kill()
		case 12:
			c.startRedis()
			c.processes = append(c.processes, c.start(c.programs.worker, ""))
		case 16:
			require.NoError(c.t, c.redisClient().FlushAll(context.Background()).Err())
		}
		email, mobile := person(i)
		saved := sides[i%2].get("/customers/new?type=person").send("Save", map[string]string{
			"first_name": "Person", "last_name": fmt.Sprintf("Number%d", i), "email": email, "mobile": mobile,
		})
		saved.is(http.StatusOK, "").shows(email, "Invited", "Queued for "+email)
		if i >= 8 && i < 12 { // Redis is away, and the other process says so too
			sides[(i+1)%2].get(saved.URL.Path).shows("Queued for " + email).hides("Handed over")
		}
		paths = append(paths, saved.URL.Path)
	}
	return paths
}

func (c *cluster) everythingArrived(n int) {
	c.t.Helper()
	ids := map[string]string{} // of mails, by recipient
	mails := func() int {
		for _, m := range c.smtp.Mails() {
			id := m.Message(c.t).Header.Get("Message-Id")
			before, known := ids[m.To]
			require.False(c.t, known && before != id, "a copy of the mail to %s has the Message-ID %q, the one before %q", m.To, id, before)
			require.NotEmpty(c.t, id)
			ids[m.To] = id
		}
		return len(ids)
	}
	texts := map[string]string{}
	sms := func() int {
		for _, m := range c.gateway.Messages() {
			before, known := texts[m.To]
			require.False(c.t, known && before != m.ID, "a copy of the SMS to %s has the id %q, the one before %q", m.To, m.ID, before)
			require.NotEmpty(c.t, m.ID)
			texts[m.To] = m.ID
		}
		return len(texts)
	}
	wantSMS := 0
	for i := range n {
		if _, mobile := person(i); mobile != "" {
			wantSMS++
		}
	}
	// The lease of a worker that is killed while it sends must expire first.
	await.Within(2*time.Minute, func() bool { return mails() >= n && sms() >= wantSMS })
	for i := range n {
		email, mobile := person(i)
		assert.NotEmpty(c.t, ids[email], "no mail")
		if mobile != "" && texts[mobile] == "" {
			c.t.Errorf("no SMS to %s", mobile)
		}
		delete(ids, email)
		delete(texts, mobile)
	}
	assert.Zero(c.t, len(ids)+len(texts), "messages to people nobody asked for")
	c.t.Logf("%d customers: %d mails and %d SMS went out (%d and %d were due)", n, len(c.smtp.Mails()), len(c.gateway.Messages()), n, wantSMS)
}

// registration: who registers through one process is Registered in the other, and who is deactivated in one is refused
// by the other's next answer.
func (c *cluster) registration(sides []*someone, path string) {
	email, mobile := person(0)
	end := visitor(c.t, c.web[0])
	in := end.get(linkIn(c.t, c.mailTo(email))).is(http.StatusOK, "").send("Register", map[string]string{
		"code": codeIn(c.t, c.smsTo(mobile)), "password": goodPassword, "password_repeat": goodPassword,
	})
	in.is(http.StatusOK, "/portal")
	sides[1].get(path).shows("Registered")

	end.base = c.web[1]
	end.get("/portal").is(http.StatusOK, "/portal")
	sides[0].get(path).send("Deactivate", nil).is(http.StatusOK, "").shows("Deactivated")
	end.get("/portal").is(http.StatusOK, "/login")
	sides[1].get(path).send("Reactivate", nil).is(http.StatusOK, "")
	end.base = c.web[0]
	end.signIn(email, goodPassword).is(http.StatusOK, "/portal")
}

func (c *cluster) specialist(sides []*someone) {
	added := sides[0].get("/specialists/new").send("Add and send link", map[string]string{
		"name": "Sabine Ott", "email": "ott@kanzlei.example",
	})
	added.is(http.StatusOK, "")
	await.True(c.t, "the link for the password", func() bool { return c.mailTo("ott@kanzlei.example") != "" })
	colleague := visitor(c.t, c.web[0])
	colleague.get(linkIn(c.t, c.mailTo("ott@kanzlei.example"))).send("Save password", map[string]string{
		"password": goodPassword, "password_repeat": goodPassword,
	}).is(http.StatusOK, "")
	colleague.base = c.web[1]
	colleague.signIn("ott@kanzlei.example", goodPassword).is(http.StatusOK, "/customers")
	sides[0].get(added.URL.Path+"/deactivate").send("Deactivate Sabine Ott", nil).is(http.StatusOK, "").shows("Deactivated")
	colleague.get("/customers").is(http.StatusOK, "/login")
}

// mailTo is the plain text of the newest mail to an address, "" when there is none.
func (c *cluster) mailTo(address string) (text string) {
	for _, m := range c.smtp.Mails() {
		if m.To == address {
			text = plainPart(c.t, m)
		}
	}
	return text
}

func (c *cluster) smsTo(number string) (text string) {
	for _, m := range c.gateway.Messages() {
		if m.To == number {
			text = m.Text
		}
	}
	return text
}

// secrets are what was sent, and what people signed in with.
func (c *cluster) secrets() (all []string) {
	token := regexp.MustCompile(`[A-Za-z0-9_-]{43}$`)
	for _, m := range c.smtp.Mails() {
		all = append(all, token.FindString(linkIn(c.t, plainPart(c.t, m))))
	}
	for _, m := range c.gateway.Messages() {
		code := codeIn(c.t, m.Text)
		all = append(all, code, strings.ReplaceAll(code, "-", ""))
	}
	return append(all, goodPassword, productionKey)
}

// holdsNoSecrets searches the database, every table as text, and Redis: what it holds now, and the file of everything
// that it was ever told.
func (c *cluster) holdsNoSecrets(signedIn *someone) {
	c.t.Helper()
	secrets := c.secrets()
	secrets = append(secrets, signedIn.cookie("kontor-session"))
	c.searchFor(secrets, "the database", c.databaseAsText())
	client, ctx := c.redisClient(), context.Background()
	keys, err := client.Keys(ctx, "*").Result()
	require.NoError(c.t, err, "keys of Redis")
	require.NotEmpty(c.t, keys, "keys of Redis")
	for _, key := range keys {
		value, err := client.Dump(ctx, key).Result()
		if err != nil && err != redis.Nil { // the process ended meanwhile
			c.t.Fatal(err)
		}
		c.searchFor(secrets, "Redis at "+key, key+value)
	}
	told := 0
	err = filepath.WalkDir(c.redisDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		told += len(raw)
		c.searchFor(secrets, path, string(raw))
		for i := range 20 { // nor the person
			email, mobile := person(i)
			c.searchFor([]string{email}, path, string(raw))
			if mobile != "" {
				c.searchFor([]string{mobile}, path, string(raw))
			}
		}
		return err
	})
	require.NoError(c.t, err)
	require.NotEqual(c.t, 0, told, "what Redis was told (%d bytes)", told)
	c.t.Logf("searched for %d secrets: %d keys and %d bytes of Redis' own file", len(secrets), len(keys), told)
}

func (c *cluster) logsHoldNoSecrets() {
	c.t.Helper()
	log := c.log.String()
	assert.Contains(c.t, log, "message attempt", "the log says nothing of messages")
	c.searchFor(c.secrets(), "the log", log)
}

func (c *cluster) searchFor(secrets []string, where, text string) {
	c.t.Helper()
	for _, s := range secrets {
		if s != "" && strings.Contains(text, s) {
			c.t.Errorf("%s holds %q", where, s)
		}
	}
}

func (c *cluster) databaseAsText() string {
	c.t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, c.databaseURL)
	require.NoError(c.t, err)
	defer func() { _ = db.Close() }()
	var tables []string
	require.NoError(c.t, db.NewRaw(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`).Scan(ctx, &tables))
	var all strings.Builder
	for _, table := range tables {
		var rows []string
		require.NoError(c.t, db.NewRaw(`SELECT x::text FROM "`+table+`" AS x`).Scan(ctx, &rows))
		all.WriteString(table + "\n" + strings.Join(rows, "\n") + "\n")
	}
	require.Contains(c.t, all.String(), "person0@kunde.example", "the search of the database finds nothing at all")
	return all.String()
}
