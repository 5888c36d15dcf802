package web

import (
	"cmp"
	"net/http"
	"net/url"

	"github.com/podhop/podhop/engine/model"
)

// SignIn answers GET /sign-in, and tries that failed: it asks who somebody is.
func (web *Web) SignIn(w http.ResponseWriter, r *http.Request, status int, with model.SignIn) {
	web.write(w, r, status, signInPage(with))
}

// called is what somebody who is signed in is called.
func called(v model.Visitor) string { return cmp.Or(v.Name, v.Email) }

// accountURL leads to the OpenID provider, and from there to a path of ours.
func accountURL(to string) string {
	return "/sign-in/account?" + url.Values{"to": {to}}.Encode()
}

// Gate answers whoever would open something, with what the site wants before.
func (web *Web) Gate(w http.ResponseWriter, r *http.Request, status int, ask model.Gate) {
	web.write(w, r, status, gatePage(ask))
}
