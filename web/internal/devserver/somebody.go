package devserver

import (
	"fmt"
	"time"

	"github.com/podhop/podhop/engine/model"
)

var (
	given  = []string{"Ada", "Grace", "Linus", "Radia", "Vint", "Barbara", "Donald", "Margaret", "Ken", "Hedy", "Alan", "Katherine", "Dennis", "Sophie", "Jon", "Annie", "Tim", "Frances", "Bjarne", "Karen"}
	family = []string{"Ahrens", "Baumgartner-Öztürk", "Chen", "Diallo", "Eriksen", "Ferreira", "Gupta", "Hansen", "Ito", "Jansen"}
	// places are where people are: a lesson of the library, and how many steps it has.
	places = []struct {
		slug  string
		steps int
	}{{"your-first-pod", 4}, {"containers-that-share", 3}, {"deployments", 5}}
	seen = []model.FailingCheck{
		{Check: 1, Title: "Pod my-pod is ready", Saw: "Pod my-pod is Pending: 0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."},
		{Check: 2, Title: "my-service answers the client", Saw: "connection refused by 10.96.41.7:80"},
		{Check: 1, Title: "Deployment my-deployment has 3 ready pods", Saw: "2 of 3 are ready"},
		{Check: 3, Title: "A request of my-pod reaches other-pod"},
	}
	asked = []string{"My pod stays Pending, and I do not see why", "", "kubectl says forbidden"}
)

// somebody makes up the i-th person of a class, of whom some are stuck, some are away and some
// ask for help.
func somebody(i int) model.Member {
	now := time.Now()
	ago := func(minutes int) string {
		return now.Add(-time.Duration(minutes) * time.Minute).UTC().Format(time.RFC3339)
	}
	place := places[i*i%7%len(places)]
	step := 1 + (i*3+i/5)%place.steps
	m := model.Member{
		ID: fmt.Sprintf("m%d", i), Name: given[i%len(given)] + " " + family[(i*7+i/20)%len(family)], Joined: ago(95),
		Online: i%9 != 8, LastSeen: ago(0), IdleSince: ago(i * 5 % 13), Session: fmt.Sprintf("s%07d", i),
		Lesson: place.slug, Step: step, Steps: place.steps, Passed: step - 1, StepSince: ago(1 + i*11%40), Attempts: i % 5, Hints: i % 3,
		Done: map[string]int{place.slug: step - 1},
	}
	if place.slug != places[0].slug {
		m.Done[places[0].slug] = 4
	}
	if i%3 == 1 {
		m.Failing = append(m.Failing, seen[i%len(seen)])
		if i%2 == 1 {
			m.Failing = append(m.Failing, seen[(i+1)%len(seen)])
		}
	}
	if i%4 == 2 {
		m.Errors, m.LastErrorAt = 1+i%6, ago(3)
		m.LastError = `Pod "my-pod" is invalid: spec.containers[0].image: Required value`
	}
	if i%17 == 1 {
		m.Help = &model.Help{Since: ago(i%7 + 1), Text: asked[i%len(asked)]}
	}
	if !m.Online {
		m.LastSeen = ago(4 + i)
	}
	if i%23 == 5 { // joined, and did nothing yet
		m.Session, m.Lesson, m.Step, m.Steps, m.Passed, m.StepSince, m.Failing, m.Done, m.Errors, m.LastError, m.LastErrorAt = "", "", 0, 0, 0, "", nil, nil, 0, "", ""
	}
	return m
}
