package courier_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"kontor/app/courier"
	"kontor/app/courier/couriertest"
	"kontor/app/logo"
)

// TestLetterhead: a message goes out under the letterhead that holds when it is sent: name of the sender, subject, links and
// mark. With the same one nothing is made anew.
func TestLetterhead(t *testing.T) {
	var drawn bytes.Buffer
	require.NoError(t, png.Encode(&drawn, image.NewNRGBA(image.Rect(0, 0, 320, 80))))
	mark, err := logo.Parse(drawn.Bytes())
	require.NoError(t, err)
	w, peer := onSQLite(t), couriertest.NewSMTPPeer(t)
	var now atomic.Pointer[courier.Letterhead]
	set := func(l courier.Letterhead) { now.Store(&l) }
	set(courier.Letterhead{Firm: "Kanzlei Alt"})
	w.svc = w.service(func(o *courier.Options) { o.SMTPURL, o.From, o.Current = peer.URL(), "no-reply@kontor.test", now.Load })
	for i, c := range []struct {
		letterhead courier.Letterhead
		kinds      int
	}{
		{courier.Letterhead{Firm: "Kanzlei Alt"}, 2},
		{courier.Letterhead{Firm: "Kanzlei Neu", Links: []courier.FirmLink{{Key: "phone", Text: "+49 40 1", Href: "tel:+49401"}}, Logo: mark}, 3},
		{courier.Letterhead{Firm: "Kanzlei Drei"}, 2},
	} {
		set(c.letterhead)
		post := w.mailPost()
		post.Dedupe = fmt.Sprint("letterhead ", i)
		w.deliver(w.enqueue(post))
		require.Len(t, peer.Mails(), i+1)
		mail := peer.Mails()[i].Message(t)
		from, err := mail.Header.AddressList("From")
		require.NoError(t, err)
		assert.Equal(t, c.letterhead.Firm, from[0].Name)
		parts := takenApart(t, mail)
		require.Len(t, parts, c.kinds)
		assert.Contains(t, string(parts[0].body), c.letterhead.Firm)
		assert.Equal(t, c.letterhead.Links != nil, bytes.Contains(parts[0].body, []byte("Telefon: +49 40 1")), "%s", parts[0].body)
		assert.Equal(t, c.letterhead.Logo != nil, bytes.Contains(parts[1].body, []byte("cid:logo-"+mark.Hash)))
	}
}
