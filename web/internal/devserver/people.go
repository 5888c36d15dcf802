package devserver

import (
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
