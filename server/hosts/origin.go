package hosts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

const (
	// originHeader has what a peer knows of a request and HTTP does not say. It means
	// something on the peers' listener alone.
	originHeader = "Podhop-Origin"
	// elsewhereHeader is of an answer: the session is not here, or there is no room for one, and
	// nothing was done.
	elsewhereHeader = "Podhop-Elsewhere"
)

// A told is where a request came in.
type told struct {
	Listener   string   `json:"listener"`
	Client     string   `json:"client"` // "ip:port"
	APIPort    int      `json:"apiPort"`
	TLS        bool     `json:"tls,omitempty"`
	ServerName string   `json:"serverName,omitempty"`
	Shown      [][]byte `json:"shown,omitempty"` // the client's certificates, DER
	// Room says that it is to be answered only where there is room for a session.
	Room bool `json:"room,omitempty"`
}

func origin(listener string, apiPort int, room bool, r *http.Request) string {
	o := told{Listener: listener, Client: r.RemoteAddr, APIPort: apiPort, Room: room}
	if r.TLS != nil {
		o.TLS, o.ServerName = true, r.TLS.ServerName
		for _, c := range r.TLS.PeerCertificates {
			o.Shown = append(o.Shown, c.Raw)
		}
	}
	text, _ := json.Marshal(o) // of strings, numbers and bytes
	return base64.StdEncoding.EncodeToString(text)
}

func readOrigin(header string) (o told, state *tls.ConnectionState, err error) {
	text, err := base64.StdEncoding.DecodeString(header)
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil || !o.TLS {
		return o, nil, err
	}
	state = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: o.ServerName}
	for _, der := range o.Shown {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return o, nil, err
		}
		state.PeerCertificates = append(state.PeerCertificates, c)
	}
	return o, state, nil
}

type portKey struct{}

// APIPort is the port of the Kubernetes API of the host that a request came to first.
func APIPort(ctx context.Context) (port int, ok bool) {
	port, ok = ctx.Value(portKey{}).(int)
	return port, ok
}

// PeerHandler answers what peers pass on, each by the handler of the listener that it came
// to there, as if it had come here. It passes nothing on itself, but what is about a ticket that
// stands for another peer's, which stands for none. It is of a listener for peers
// alone, whose TLS says who is one.
func (f *Forward) PeerHandler(listeners map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, state, err := readOrigin(r.Header.Get(originHeader))
		next := listeners[o.Listener]
		if err == nil && next == nil {
			err = errors.New("there is no such listener here")
		}
		if err != nil {
			http.Error(w, fmt.Sprintf("%s: %v", originHeader, err), http.StatusBadRequest)
			return
		}
		r.Header.Del(originHeader)
		r.RemoteAddr, r.TLS = o.Client, state
		r = r.WithContext(context.WithValue(r.Context(), portKey{}, o.APIPort))
		id, about := f.cfg.Session(r)
		if !about {
			if mark, ok := f.cfg.Ticket(r); ok && mark != f.Mark() && f.ticket(w, r, &passing{Forward: f, listener: o.Listener}, next) {
				return
			}
			if o.Room && !f.cfg.Room() {
				elsewhere(w)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		switch again, err := f.serve(w, r, id, next); {
		case again:
			elsewhere(w)
		case err != nil:
			f.cfg.Away(w, r, err)
		}
	})
}

func elsewhere(w http.ResponseWriter) {
	w.Header().Set(elsewhereHeader, "true")
	w.Header().Set("Retry-After", "1")
	http.Error(w, errElsewhere.Error(), http.StatusMisdirectedRequest)
}
