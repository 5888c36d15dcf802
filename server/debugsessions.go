package server

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime/pprof"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/printable"
)

// debugSessions is a line a session, with what it has now. Nothing of it is counted before somebody
// asks.
func (s *Server) debugSessions(w http.ResponseWriter, r *http.Request) {
	if s.cfg.Operator == nil {
		s.notFound(w, r)
		return
	}
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	writeSessions(w, s.cfg.Operator.Overview(), goroutinesOf(&profile), time.Now())
}

func writeSessions(w io.Writer, sessions []model.OperatorSession, goroutines map[string]int, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(t, "SESSION\tSTATE\tAGE\tLEFT\tNODES\tPODS\tCONTAINERS\tPROCESSES\tGOROUTINES\tVIEWERS\tCPU\tMEMORY\tOBJECTS\tJOURNAL\tAPI\tREFUSED\tBREACHES\tLAST ERROR")
	for _, o := range sessions {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.2f\t%d\t%d\t%d\t%.1fs\t%d\t%d\t%s\n", o.Session, o.State, between(o.Born, now, 1), between(o.Until, now, -1),
			o.Nodes, o.Pods, o.Containers, o.Processes, goroutines[o.Session], o.Viewers, o.CPU, o.Memory, o.Objects, o.Journal, o.Asked, o.Refused, o.Breaches,
			cmp.Or(printable.Clean(o.LastError), "-"))
	}
	_ = t.Flush()
}

// between is how long ago a time was, or with sign -1 how far it is.
func between(text string, now time.Time, sign time.Duration) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "-"
	}
	return (sign * now.Sub(at)).Round(time.Second).String()
}

var (
	alike  = regexp.MustCompile(`^(\d+) @`)
	labels = regexp.MustCompile(`^# labels: \{.*"session":"([^"]+)"`)
)

// goroutinesOf counts goroutines by the sessions for which they are, from a profile of package
// runtime/pprof as text: groups of those that do the same, each with how many they are.
func goroutinesOf(profile io.Reader) map[string]int {
	all, n := map[string]int{}, 0
	for lines := bufio.NewScanner(profile); lines.Scan(); {
		if m := alike.FindSubmatch(lines.Bytes()); m != nil {
			n, _ = strconv.Atoi(string(m[1]))
		} else if m := labels.FindSubmatch(lines.Bytes()); m != nil {
			all[string(m[1])] += n
		}
	}
	return all
}
