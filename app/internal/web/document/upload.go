package document

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the protocol's checksum; it protects against nobody
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/gofrs/uuid/v5"

	"kontor/app/blob"
	"kontor/app/document"
	"kontor/app/fault"
	"kontor/app/internal/web/kit"
)

// The headers of the protocol tus 1.0 (https://tus.io/protocols/resumable-upload).
const (
	TusResumable   = "Tus-Resumable"
	tusVersion     = "1.0.0"
	UploadOffset   = "Upload-Offset"
	UploadLength   = "Upload-Length"
	UploadMetadata = "Upload-Metadata"
	uploadExpires  = "Upload-Expires"
	UploadChecksum = "Upload-Checksum"
	partType       = "application/offset+octet-stream"

	// documentAt says where the document is that an upload became. It is ours, not the protocol's.
	documentAt = "Kontor-Document"
)

// Statuses that only this protocol uses.
const (
	statusVersion  = fiber.StatusPreconditionFailed
	statusChecksum = 460
)

// maxMetadata is the maximum length of Upload-Metadata in bytes.
const maxMetadata = 4096

// checksums are the algorithms that a part can be checked with.
var checksums = map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New}

// describeUploads says what of the protocol there is.
func (s *Screens) describeUploads(c *fiber.Ctx) error {
	c.Set(TusResumable, tusVersion)
	c.Set("Tus-Version", tusVersion)
	c.Set("Tus-Extension", "creation,checksum,termination,expiration")
	c.Set("Tus-Checksum-Algorithm", "sha1,sha256")
	if most := s.documents.Blobs.FileMax(); most > 0 {
		c.Set("Tus-Max-Size", strconv.FormatInt(most, 10))
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// spoken answers in the protocol: an error that the sender can act on is a sentence in plain text.
func (s *Screens) spoken(c *fiber.Ctx, err error) error {
	c.Set(TusResumable, tusVersion)
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Unauthenticated {
		return err
	}
	if len(f.Fields) > 0 {
		f = f.Fields[0]
	}
	status := kit.Statuses[f.Code]
	switch f.Message {
	case blob.ErrTooLarge.Message, blob.ErrQuota.Message, blob.ErrTooMuch.Message:
		status = fiber.StatusRequestEntityTooLarge
	}
	kit.SetRetryAfter(c, f)
	return c.Status(status).SendString(s.Say(c, "fault."+f.Message, s.WaitArgs(c, f)))
}

// speaks says whether the sender speaks this version of the protocol. If not, it has answered.
func (s *Screens) speaks(c *fiber.Ctx) bool {
	c.Set(TusResumable, tusVersion)
	if c.Get(TusResumable) == tusVersion {
		return true
	}
	c.Set("Tus-Version", tusVersion)
	c.Status(statusVersion)
	return false
}

func (s *Screens) beginUpload(c *fiber.Ctx) error {
	if !s.speaks(c) {
		return nil
	}
	size, err := strconv.ParseInt(c.Get(UploadLength), 10, 64)
	if err != nil || size < 0 || len(c.Request().Body()) > 0 {
		return c.SendStatus(fiber.StatusBadRequest)
	}
	meta, ok := parseMetadata(c.Get(UploadMetadata))
	if !ok {
		return c.SendStatus(fiber.StatusBadRequest)
	}
	u, err := s.documents.Announce(s.Ctx(c), s.Caller(c), document.Announced{
		Target: document.Target{ElementID: uuid.FromStringOrNil(meta["element"]), TransactionID: uuid.FromStringOrNil(meta["transaction"])},
		File:   meta["filename"], Size: size,
	})
	if err != nil {
		return s.spoken(c, err)
	}
	c.Set(fiber.HeaderLocation, UploadsPath+"/"+u.ID.String())
	setExpiry(c, u)
	return c.SendStatus(fiber.StatusCreated)
}

// parseMetadata reads pairs of a key and a value in base64, separated by commas. ok is false for anything else.
func parseMetadata(header string) (meta map[string]string, ok bool) {
	meta = map[string]string{}
	if len(header) > maxMetadata {
		return nil, false
	}
	if strings.TrimSpace(header) == "" {
		return meta, true
	}
	for pair := range strings.SplitSeq(header, ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		value, err := base64.StdEncoding.DecodeString(encoded)
		if _, twice := meta[key]; err != nil || key == "" || twice || !utf8.Valid(value) {
			return nil, false
		}
		meta[key] = string(value)
	}
	return meta, true
}

func setExpiry(c *fiber.Ctx, u blob.Upload) {
	c.Set(uploadExpires, u.ExpiresAt.UTC().Format(http.TimeFormat))
}

func (s *Screens) uploadOf(c *fiber.Ctx) (blob.Upload, error) {
	id, err := kit.Param(c, "id")
	if err != nil {
		return blob.Upload{}, blob.ErrNotFound
	}
	return s.documents.UploadOf(s.Ctx(c), s.Caller(c), id)
}

func (s *Screens) askUpload(c *fiber.Ctx) error {
	if !s.speaks(c) {
		return nil
	}
	u, err := s.uploadOf(c)
	if err != nil {
		return s.spoken(c, err)
	}
	c.Set(UploadOffset, strconv.FormatInt(u.Received, 10))
	c.Set(UploadLength, strconv.FormatInt(u.Size, 10))
	setExpiry(c, u)
	return c.SendStatus(fiber.StatusOK)
}

func (s *Screens) continueUpload(c *fiber.Ctx) error {
	if !s.speaks(c) {
		return nil
	}
	if c.Get(fiber.HeaderContentType) != partType {
		return c.SendStatus(fiber.StatusUnsupportedMediaType)
	}
	at, err := strconv.ParseInt(c.Get(UploadOffset), 10, 64)
	if err != nil || at < 0 {
		return c.SendStatus(fiber.StatusBadRequest)
	}
	data := c.Request().Body()
	if status := checkSum(c.Get(UploadChecksum), data); status != fiber.StatusOK {
		return c.SendStatus(status)
	}
	u, err := s.uploadOf(c)
	if err != nil {
		return s.spoken(c, err)
	}
	u, arrived, err := s.documents.Append(s.Ctx(c), s.Caller(c), u, at, data)
	if err != nil {
		return s.spoken(c, err)
	}
	c.Set(UploadOffset, strconv.FormatInt(u.Received, 10))
	setExpiry(c, u)
	if arrived != nil {
		c.Set(documentAt, "/documents/"+arrived.Element.ID.String())
		if arrived.Before != nil || arrived.Infected {
			return c.Status(fiber.StatusOK).SendString(s.said(c, arrived))
		}
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// said says that a file is infected, or was sent before.
func (s *Screens) said(c *fiber.Ctx, a *document.Arrived) string {
	if a.Infected {
		return s.Say(c, "scan.found", "name", a.File)
	}
	return s.Say(c, "upload.again", "name", a.File, "day", s.Text(c).Date(*a.Before))
}

// checkSum checks a part with the checksum that came with it, if any: 400 for what is no checksum, 460 for a wrong one.
func checkSum(header string, data []byte) (status int) {
	if header == "" {
		return fiber.StatusOK
	}
	name, encoded, _ := strings.Cut(header, " ")
	algorithm, known := checksums[name]
	want, err := base64.StdEncoding.DecodeString(encoded)
	if !known || err != nil {
		return fiber.StatusBadRequest
	}
	h := algorithm()
	h.Write(data)
	if subtle.ConstantTimeCompare(h.Sum(nil), want) != 1 {
		return statusChecksum
	}
	return fiber.StatusOK
}

func (s *Screens) endUpload(c *fiber.Ctx) error {
	if !s.speaks(c) {
		return nil
	}
	u, err := s.uploadOf(c)
	if err == nil {
		err = s.documents.Blobs.Abort(s.Ctx(c), u)
	}
	if err != nil {
		return s.spoken(c, err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// MaxForm is the maximum size of the files that come with one form, in bytes. Larger ones need the script.
const MaxForm = 16 << 20

// FormTime is how long such a form may take to arrive, and PartTime a part: 1 MiB at 8 kB/s.
const (
	FormTime = 10 * time.Minute
	PartTime = 3 * time.Minute
)

// uploadForm takes files without the script. The first one that is refused ends it; those before it are there.
func (s *Screens) uploadForm(c *fiber.Ctx) error {
	id, err := kit.Param(c, "id")
	if err != nil {
		return err
	}
	to := document.Target{TransactionID: id, ElementID: uuid.FromStringOrNil(kit.Posted(c, "element"))}
	files := kit.SentFiles(c)
	if len(files) == 0 {
		if _, err := s.documents.Announce(s.Ctx(c), s.Caller(c), document.Announced{Target: to}); !errors.Is(err, blob.ErrEmpty) {
			return s.refuseUpload(c, to, err)
		}
		return s.refuseUpload(c, to, fault.At("file", "upload.none"))
	}
	toast := kit.Toast{Text: "toast.uploaded", Args: map[string]any{"count": len(files), "name": files[0].Name}}
	for _, f := range files {
		arrived, err := s.documents.Upload(s.Ctx(c), s.Caller(c), document.Announced{Target: to, File: f.Name, Size: int64(len(f.Data))}, bytes.NewReader(f.Data))
		if err != nil {
			return s.refuseUpload(c, to, err)
		}
		if arrived.Infected {
			return s.RedirectWith(c, "/documents/"+arrived.Element.ID.String(), kit.Toast{Text: "scan.found", Args: map[string]any{"name": f.Name}})
		}
		if arrived.Before != nil {
			toast = kit.Toast{Text: "upload.again", Args: map[string]any{"name": f.Name, "day": s.Text(c).Date(*arrived.Before)}}
		}
	}
	place := home(c, id)
	if to.ElementID != uuid.Nil {
		place += "#e-" + to.ElementID.String()
	}
	return s.RedirectWith(c, place, toast)
}

// uploadPage is the data of the page that says why a file was refused, and takes another one.
type uploadPage struct {
	Action  string
	Back    string
	Element uuid.UUID
	Name    string // of the element; "" for the root
	Of      string // name of the transaction
	Form    *kit.Form
}

func (s *Screens) refuseUpload(c *fiber.Ctx, to document.Target, err error) error {
	f := kit.NewForm(map[string]string{})
	status, ok := s.Complain(c, f, err)
	if !ok {
		return err
	}
	tree, terr := s.documents.Tree(s.Ctx(c), s.Caller(c), to.TransactionID)
	if terr != nil {
		return terr
	}
	d := uploadPage{
		Action: "/transactions/" + to.TransactionID.String() + "/documents", Back: home(c, to.TransactionID), Element: to.ElementID, Of: tree.Transaction.Name, Form: f,
	}
	if e, err := tree.Find(to.ElementID); err == nil {
		d.Name = e.Name
	}
	return s.Render(c, kit.View{
		Page: "document/upload", Title: s.ErrorTitle(c, s.Say(c, "upload.title")), Nav: "transactions", Status: status, SingleColumn: !tree.Rights.Firm, Data: d,
	})
}
