package devserver

import (
	"cmp"
	"net/http"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/web"
)

// signIn shows the page as it is for what the query says: of a provider, after a wrong
// token, to somebody who is signed in.
func signIn(pages *web.Web) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		v := model.Visitor{Name: q.Get("name")}
		pages.SignIn(w, r.WithContext(model.WithVisitor(r.Context(), v)), http.StatusOK, model.SignIn{To: "/", Provider: q.Get("provider"), Wrong: q.Get("wrong")})
	}
}

// gated shows the page of a gate as the query says, with work of 10 bits; to whoever sends work, what
// they sent.
func gated(pages *web.Web) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if work := r.FormValue("work"); work != "" && r.URL.Query().Get("never") == "" {
			pages.Error(w, r, http.StatusOK, "Passed", r.FormValue("lesson")+" "+work)
			return
		}
		kind := r.URL.Query().Get("kind")
		if r.Method == http.MethodPost {
			pages.Gate(w, r, http.StatusOK, model.Gate{Kind: kind, Action: r.URL.RequestURI(), Challenge: "1.10.9.x.y", Wrong: "It was not taken."})
			return
		}
		pages.Gate(w, r, http.StatusOK, model.Gate{Kind: kind, Action: r.URL.RequestURI(), Challenge: "1." + cmp.Or(r.URL.Query().Get("bits"), "10") + ".9.x.y",
			Fields: []model.Field{{Name: "lesson", Value: "your-first-pod"}}, Wrong: r.URL.Query().Get("wrong")})
	}
}
