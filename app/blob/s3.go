package blob

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // see put
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// S3 is a Store in a bucket of a server that speaks S3's protocol. An object is written by one request, so it is there as a
// whole or not at all. In a bucket that keeps versions, what was deleted or replaced stays as long as the bucket's rules say.
type S3 struct {
	bucket string
	core   minio.Core
}

const (
	s3Scheme = "s3://"
	// s3DialTime is how long connecting may take, s3StallTime how long a connection may move no byte, s3CallTime how long reading
	// or writing one object may take with all attempts.
	s3DialTime  = 5 * time.Second
	s3StallTime = 20 * time.Second
	s3CallTime  = time.Minute
	// s3Tries is how often a request is made that failed for a reason that passes.
	s3Tries = 3
	// s3Probe is the object that Ready writes. No object of a caller can have such a name.
	s3Probe = "_ready"
)

// s3Address is what an address of a bucket says.
type s3Address struct {
	key, secret, host, bucket, region string
	tls                               bool
	lookup                            minio.BucketLookupType
}

// parseS3 reads an address. Key and secret may hold any characters as they are, but for a colon in the key; a percent sign
// before two hexadecimal digits is written %25. The error does not contain the address.
func parseS3(address string) (a s3Address, err error) {
	rest, ok := strings.CutPrefix(address, s3Scheme)
	at := strings.LastIndexByte(rest, '@')
	if !ok || at < 0 {
		return a, errAddress
	}
	key, secret, _ := strings.Cut(rest[:at], ":")
	a.key, a.secret = unescaped(key), unescaped(secret)
	u, err := url.Parse("s3://" + rest[at+1:])
	if err != nil {
		return a, errAddress
	}
	a.host, a.bucket = u.Host, strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/")
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil || a.key == "" || a.secret == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || s3utils.CheckValidBucketNameStrict(a.bucket) != nil {
		return a, errAddress
	}
	a.tls = true
	for name, values := range options {
		switch value := values[len(values)-1]; {
		case name == "region":
			a.region = value
		case name == "tls" && (value == "on" || value == "off"):
			a.tls = value == "on"
		case name == "path" && value == "on":
			a.lookup = minio.BucketLookupPath
		case name == "path" && value == "off":
			a.lookup = minio.BucketLookupDNS
		default:
			return a, errAddress
		}
	}
	return a, nil
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// OpenS3 opens the bucket that an address names. It is an error if the address is not such a one. Nothing is asked yet.
func OpenS3(address string) (*S3, error) {
	a, err := parseS3(address)
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(a.tls)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: s3DialTime}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return stallingConn{conn, s3StallTime}, nil
	}
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = s3DialTime, s3StallTime
	client, err := minio.New(a.host, &minio.Options{
		Creds: credentials.NewStaticV4(a.key, a.secret, ""), Secure: a.tls, Region: a.region, BucketLookup: a.lookup,
		Transport: transport, MaxRetries: s3Tries,
	})
	if err != nil {
		return nil, errAddress
	}
	return &S3{bucket: a.bucket, core: minio.Core{Client: client}}, nil
}

// stallingConn is a connection that ends when no byte moves for some time.
type stallingConn struct {
	net.Conn
	time time.Duration
}

func (c stallingConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.time)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c stallingConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.time)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Put is described by Store.
func (s *S3) Put(ctx context.Context, name string, data []byte) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.put(ctx, name, data)
}

func (s *S3) put(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s3CallTime)
	defer cancel()
	// The server refuses bytes that were changed on their way. With a hash of all bytes they are sent as they are, not in the
	// signed chunks of S3's protocol, which not all servers take for an empty object.
	md5Sum, sum := md5.Sum(data), sha256.Sum256(data) //nolint:gosec // S3's protocol asks for MD5; it protects against accidents
	_, err := s.core.PutObject(ctx, s.bucket, name, bytes.NewReader(data), int64(len(data)), base64.StdEncoding.EncodeToString(md5Sum[:]), hex.EncodeToString(sum[:]),
		minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true}) // it is sum, not one of chunks
	return s3Error(ctx, err)
}

// Get is described by Store.
func (s *S3) Get(ctx context.Context, name string, into []byte) ([]byte, error) {
	if err := checkName(name); err != nil {
		return into, err
	}
	return s.get(ctx, name, into)
}

func (s *S3) get(ctx context.Context, name string, into []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s3CallTime)
	defer cancel()
	body, info, _, err := s.core.GetObject(ctx, s.bucket, name, minio.GetObjectOptions{})
	if err != nil {
		return into, s3Error(ctx, err)
	}
	defer func() { _ = body.Close() }()
	if info.Size < 0 {
		return into, errors.New("the store does not say how long an object is")
	}
	all, err := appendFrom(body, info.Size, into)
	return all, s3Error(ctx, err)
}

// Delete is described by Store.
func (s *S3) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := s.core.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{}); err != nil {
		return s3Error(ctx, err)
	}
	var listing error
	removed, err := s.core.RemoveObjectsWithIter(ctx, s.bucket, func(yield func(minio.ObjectInfo) bool) {
		for o := range s.list(ctx, name+"/") {
			if listing = o.Err; listing != nil || !yield(o) {
				return
			}
		}
	}, minio.RemoveObjectsOptions{})
	if err != nil {
		return s3Error(ctx, err)
	}
	var first error
	for r := range removed {
		if first == nil && r.Err != nil {
			first = r.Err
		}
	}
	return s3Error(ctx, errors.Join(listing, first, ctx.Err()))
}

// List is described by Store. What is no object, because others have put it there, is passed over.
func (s *S3) List(ctx context.Context, folder string, each func(Object) error) error {
	prefix := ""
	if folder != "" {
		if err := checkName(folder); err != nil {
			return err
		}
		prefix = folder + "/"
	}
	for o := range s.list(ctx, prefix) {
		if o.Err != nil {
			return s3Error(ctx, o.Err)
		}
		if checkName(o.Key) != nil {
			continue
		}
		if err := each(Object{Name: o.Key, Size: o.Size, WrittenAt: o.LastModified}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *S3) list(ctx context.Context, prefix string) func(func(minio.ObjectInfo) bool) {
	return s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true})
}

// Ready is described by Store.
func (s *S3) Ready(ctx context.Context) error {
	if err := s.put(ctx, s3Probe, []byte("ready")); err != nil {
		return err
	}
	_, err := s.get(ctx, s3Probe, nil)
	return err
}

// s3Error turns an error of the client into ErrAbsent, ErrFull or what ended ctx, where it is one.
func s3Error(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return fmt.Errorf("%w: %w", ended, err)
	}
	var said minio.ErrorResponse
	if !errors.As(err, &said) {
		return err
	}
	switch {
	case said.Code == minio.NoSuchKey:
		return ErrAbsent
	case said.StatusCode == http.StatusInsufficientStorage, strings.HasSuffix(said.Code, "QuotaExceeded"), strings.HasSuffix(said.Code, "StorageFull"):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
