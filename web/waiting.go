package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/podhop/podhop/engine/model"
)

// Wait answers GET /queue/{ticket}: where somebody is who waits while the server is full. It
// goes on by itself, with a script; without one it is loaded again until there is a button.
func (web *Web) Wait(w http.ResponseWriter, r *http.Request, at model.Queued, want model.Wanted) {
	web.write(w, r, http.StatusOK, waitPage(at, want))
}

// Operator answers GET /operator, which its script fills.
func (web *Web) Operator(w http.ResponseWriter, r *http.Request) {
	web.write(w, r, http.StatusOK, operatorPage())
}

// placeText is what web/app/wait.ts says too.
func placeText(at model.Queued) string {
	if at.Turn {
		return "It is your turn"
	}
	return fmt.Sprintf("You are %s of %d", ordinal(at.Place), at.Of)
}

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		suffix = map[int]string{1: "st", 2: "nd", 3: "rd"}[n%10]
	}
	if suffix == "" {
		suffix = "th"
	}
	return fmt.Sprint(n, suffix)
}

// latestText says when their turn comes if nobody leaves before their time.
func latestText(at model.Queued) string {
	switch minutes := (time.Duration(at.Wait)*time.Second + time.Minute - 1) / time.Minute; {
	case at.Turn || at.Wait == 0:
		return ""
	case minutes <= 1:
		return "Your turn comes in a minute at the latest."
	case minutes < 90:
		return fmt.Sprintf("Your turn comes in %d minutes at the latest, and sooner if somebody leaves.", minutes)
	default:
		return fmt.Sprintf("Your turn comes in %d hours at the latest, and sooner if somebody leaves.", (minutes+59)/60)
	}
}

// action is where the form goes.
func action(want model.Wanted) string { return want.Path + "?" + want.Query }

// fieldNames are those of the form, in an order.
func fieldNames(want model.Wanted) (names []string) {
	for name := range want.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
