package kit_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/audit"
	"kontor/app/internal/web/kit"
	"kontor/app/internal/web/kit/kittest"
	"kontor/app/spreadsheet"
	"kontor/app/store/storetest"
)

// TestStream: a file arrives whole, or the browser sees that it is not. A panic while it is written ends neither the
// process nor the file properly.
func TestStream(t *testing.T) {
	k := kittest.New(t)
	k.Audit = audit.New(storetest.SQLite(t), time.Now)
	after := map[string]func() error{
		"whole":  func() error { return nil },
		"fails":  func() error { return errors.New("the database is away") },
		"panics": func() error { panic("a mistake") },
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/:end", func(c *fiber.Ctx) error {
		end := after[c.Params("end")]
		return k.Stream(c, kit.Download{}, kit.Table{Name: "a b", Ending: "csv"}, func(_ context.Context, w spreadsheet.Writer) error {
			if err := w.Write([]string{"first", "row"}); err != nil {
				return err
			}
			return end()
		})
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { assert.NoError(t, app.Shutdown()) })
	for end := range after {
		res, err := http.Get("http://" + l.Addr().String() + "/" + end)
		require.NoError(t, err, end)
		body, err := io.ReadAll(res.Body)
		assert.NoError(t, res.Body.Close())
		if end == "whole" {
			require.NoError(t, err)
			assert.Contains(t, string(body), "first,row")
			assert.Equal(t, `attachment; filename="a-b.csv"`, res.Header.Get("Content-Disposition"))
		} else {
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF, end)
		}
	}
}
