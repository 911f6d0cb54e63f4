package courier

import (
	"net"
	"strings"

	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"
)

// asciiHost is a host's full name the way servers write it (RFC 5891), or "" if it has none: an address, a name
// without a dot such as localhost, or no name at all.
func asciiHost(name string) string {
	name = strings.TrimSuffix(name, ".")
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil || !strings.Contains(ascii, ".") || net.ParseIP(ascii) != nil || len(ascii) > 253 {
		return ""
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 {
			return ""
		}
	}
	return ascii
}

// helloName is what a client calls itself: its name, or where it has none the address that it connects from, in
// brackets (RFC 5321 §4.1.3).
func helloName(name string, conn net.Conn) string {
	if name != "" {
		return name
	}
	tcp, ok := conn.LocalAddr().(*net.TCPAddr)
	if !ok {
		return "localhost"
	}
	if v4 := tcp.IP.To4(); v4 != nil {
		return "[" + v4.String() + "]"
	}
	return "[IPv6:" + tcp.IP.String() + "]"
}

// extensions asks the server once more what it can do, and understands what go-mail does not: keywords in small letters
// (RFC 5321 §2.4 does not mind) and the old "AUTH=LOGIN". Keywords come in capitals.
func extensions(client *smtp.Client, hello string) (map[string]string, error) {
	id, err := client.Text.Cmd("EHLO %s", hello)
	if err != nil {
		return nil, err
	}
	client.Text.StartResponse(id)
	defer client.Text.EndResponse(id)
	_, answer, err := client.Text.ReadResponse(250)
	if err != nil {
		return nil, err
	}
	can := map[string]string{}
	for i, line := range strings.Split(answer, "\n") {
		if i == 0 {
			continue // the greeting
		}
		line = strings.ToUpper(strings.TrimSpace(line))
		if ways, old := strings.CutPrefix(line, "AUTH="); old {
			line = "AUTH " + ways
		}
		keyword, params, _ := strings.Cut(line, " ")
		can[keyword] = strings.TrimSpace(can[keyword] + " " + params)
	}
	return can, nil
}
