package courier

import (
	"net"
	"strings"

	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"
)

// asciiHost returns a host's full name in ASCII (RFC 5891). It returns "" if the host has no full name: an IP address,
// a name without a dot such as localhost, or no name at all.
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

// helloName returns the name that a client gives to the server: its host name, or if it has none its own IP address on
// the connection, in brackets (RFC 5321 §4.1.3).
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

// extensions asks the server again for its extensions, and understands what go-mail does not: keywords in lower case
// (RFC 5321 §2.4 allows them) and the old form "AUTH=LOGIN". It returns the keywords in capitals.
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
