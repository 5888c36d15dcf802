package packet

import "encoding/binary"

// Types of TLS records and handshake messages (RFC 8446, B.1 and B.3).
const (
	tlsAlert       = 21
	tlsHandshake   = 22
	tlsData        = 23
	tlsClientHello = 1
	tlsServerHello = 2
	// Extensions.
	tlsServerName = 0  // RFC 6066, 3
	tlsALPN       = 16 // RFC 7301
	tlsVersions   = 43 // RFC 8446, 4.2.1
)

// tls is what the first record of a segment is, and whom a client hello is for.
func tls(b []byte) string {
	if len(b) < 6 || b[1] != 3 || b[2] > 4 {
		return ""
	}
	switch b[0] {
	case tlsAlert:
		return "TLS alert"
	case tlsData:
		return "TLS data"
	case tlsHandshake:
	default:
		return ""
	}
	switch b[5] {
	case tlsClientHello, tlsServerHello:
		h, _ := TLSHello(b)
		return h.String()
	}
	return "TLS handshake"
}

// A Hello is what one side of TLS begins with, as far as it was captured.
type Hello struct {
	Server     bool
	ServerName string   // whom a client wants
	Protocols  []string // ALPN (RFC 7301): what a client offers
	Version    string   // the latest that a client offers, or the one that the server chose; empty if it was cut off
}

// String is "TLS client hello to shop.example.com".
func (h Hello) String() string {
	switch {
	case h.Server:
		return "TLS server hello"
	case h.ServerName != "":
		return "TLS client hello to " + h.ServerName
	}
	return "TLS client hello"
}

// TLSHello decodes a client's or a server's hello (RFC 8446, 4.1.2 and 4.1.3) out of
// the record that a connection begins with.
func TLSHello(record []byte) (h Hello, ok bool) {
	if len(record) < 6 || record[0] != tlsHandshake || record[1] != 3 || record[5] != tlsClientHello && record[5] != tlsServerHello {
		return h, false
	}
	h.Server = record[5] == tlsServerHello
	r := reader(record[5:])
	r.skip(4) // header
	h.Version = version(r.take(2))
	r.skip(32)  // random
	r.vector(1) // session
	if h.Server {
		r.skip(2 + 1) // cipher suite, compression
	} else {
		r.vector(2) // cipher suites
		r.vector(1) // compression
	}
	legacy := h.Version
	h.Version = ""
	length := 0
	if b := r.take(2); len(b) == 2 {
		length = int(binary.BigEndian.Uint16(b))
	}
	whole := length <= len(r)
	for len(r) >= 4 {
		kind := binary.BigEndian.Uint16(r)
		r.skip(2)
		h.extension(kind, r.vector(2))
	}
	if h.Version == "" && whole { // what is cut off may name a later one
		h.Version = legacy
	}
	return h, true
}

func (h *Hello) extension(kind uint16, body reader) {
	switch kind {
	case tlsServerName:
		body.skip(2 + 1) // length of the list, host_name
		h.ServerName = printable(body.vector(2))
	case tlsALPN:
		body.skip(2)
		for len(body) > 0 && len(h.Protocols) < 8 {
			h.Protocols = append(h.Protocols, printable(body.vector(1)))
		}
	case tlsVersions:
		list := body
		if !h.Server {
			list = body.vector(1)
		}
		latest := ""
		for len(list) >= 2 {
			latest = max(latest, version(list.take(2))) // GREASE (RFC 8701) is none
		}
		if latest != "" {
			h.Version = latest
		}
	}
}

func version(b []byte) string {
	if len(b) < 2 || b[0] != 3 || b[1] < 1 || b[1] > 4 {
		return ""
	}
	return "TLS 1." + string('0'+b[1]-1)
}

// A reader takes from the front of what was captured; what is missing is empty.
type reader []byte

func (r *reader) skip(n int) { *r = (*r)[min(n, len(*r)):] }

// take takes so many bytes; fewer if there are no more.
func (r *reader) take(n int) []byte {
	b := (*r)[:min(n, len(*r))]
	r.skip(n)
	return b
}

// vector takes what is preceded by its length, of so many bytes; nothing if it is cut.
func (r *reader) vector(size int) reader {
	if len(*r) < size {
		*r = nil
		return nil
	}
	n := 0
	for _, b := range (*r)[:size] {
		n = n<<8 | int(b)
	}
	r.skip(size)
	if n > len(*r) {
		*r = nil
		return nil
	}
	v := (*r)[:n]
	r.skip(n)
	return v
}
