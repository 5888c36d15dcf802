package packet

import "encoding/binary"

// Types of TLS records and handshake messages (RFC 8446, B.1 and B.3).
const (
	tlsAlert       = 21
	tlsHandshake   = 22
	tlsData        = 23
	tlsClientHello = 1
	tlsServerHello = 2
	tlsServerName  = 0 // an extension (RFC 6066, 3)
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
	case tlsClientHello:
		if to := serverName(b[5:]); to != "" {
			return "TLS client hello to " + to
		}
		return "TLS client hello"
	case tlsServerHello:
		return "TLS server hello"
	}
	return "TLS handshake"
}

// serverName is that of a client hello (RFC 8446, 4.1.2), "" if it has none or was not
// captured as far.
func serverName(b []byte) string {
	r := reader(b)
	r.skip(4 + 2 + 32) // header, version, random
	r.vector(1)        // session
	r.vector(2)        // cipher suites
	r.vector(1)        // compression
	r.skip(2)          // length of the extensions
	for len(r) >= 4 {
		kind := binary.BigEndian.Uint16(r)
		r.skip(2)
		body := r.vector(2)
		if kind != tlsServerName {
			continue
		}
		body.skip(2 + 1) // length of the list, host_name
		return printable(body.vector(2))
	}
	return ""
}

// A reader takes from the front of what was captured; what is missing is empty.
type reader []byte

func (r *reader) skip(n int) { *r = (*r)[min(n, len(*r)):] }

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
