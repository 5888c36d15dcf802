package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/markdown"
)

// learnData is what the learner's page shows.
type learnData struct {
	Session model.Session
	Lesson  lessons.Lesson // the zero Lesson in a playground
	Step    int            // from 1
	Samples []lessons.Manifest
	All     []lessons.Lesson
	// Embedded: the page is a frame of somebody else's.
	Embedded bool
	Base     string // of the server's addresses
	// Seat is the member's whose session it is; the zero Seat where it is no member's.
	Seat model.Seat
}

func (d learnData) class() string {
	class := "learn"
	if d.Embedded {
		class += " embedded"
	}
	if d.looking() {
		class += " looking"
	}
	return class
}

// looking says whether the page is for somebody who looks on, and changes nothing.
func (d learnData) looking() bool { return d.Session.Rights == "look" }

// ownURL is the page's address without a frame around it.
func (d learnData) ownURL() string {
	address := url.URL{Path: d.Base + "/s/" + d.Session.ID}
	if d.hasLesson() {
		address.RawQuery = d.query(d.Step, false)
	}
	return address.String()
}

func (d learnData) query(step int, embedded bool) string {
	q := url.Values{"lesson": {d.Lesson.Slug}, "step": {strconv.Itoa(step)}}
	if embedded {
		q.Set("embed", "true")
	}
	return q.Encode()
}

// checkedSteps counts those of a lesson's steps that can be done.
func checkedSteps(l lessons.Lesson) (n int) {
	for _, s := range l.Steps {
		if len(s.Checks) > 0 {
			n++
		}
	}
	return n
}

// home is where the page leads back to: a member's class, or all lessons; and what that is called.
func (d learnData) home() (path, name, back string) {
	if d.Seat.Key != "" {
		return d.Base + "/m/" + url.PathEscape(d.Seat.Key), d.Seat.Class, "Back to the class"
	}
	return d.Base + "/", "Lessons", "All lessons"
}

func (d learnData) hasLesson() bool { return d.Lesson.Slug != "" }

func (d learnData) title() string {
	if d.hasLesson() {
		return d.Lesson.Title
	}
	return "Playground"
}

// api is the path of the session's HTTP API.
func (d learnData) api() string { return d.Base + "/api/sessions/" + url.PathEscape(d.Session.ID) }

// next is the lesson that comes after this one.
func (d learnData) next() (lessons.Lesson, bool) {
	i := slices.IndexFunc(d.All, func(l lessons.Lesson) bool { return l.Slug == d.Lesson.Slug })
	if i < 0 || i+1 >= len(d.All) || d.Seat.Key != "" { // a class has its own order
		return lessons.Lesson{}, false
	}
	return d.All[i+1], true
}

// stepURL is the page's address with another step.
func (d learnData) stepURL(step int) string { return "?" + d.query(step, d.Embedded) }

// html is a step's text, with the session's ports where the text leads to ports.
func (d learnData) html(s lessons.Step) string {
	return strings.NewReplacer(
		`href="`+markdown.SessionPath, `href="`+d.Base+sessionPath(d.Session.ID),
		`href="/`, `href="`+d.Base+`/`, // of other lessons, and of files
		`src="/`, `src="`+d.Base+`/`,
	).Replace(string(s.HTML))
}

func sessionPath(id string) string { return "/s/" + url.PathEscape(id) + "/" }

// about says how long a lesson takes, and for whom it is, as far as that is known.
func about(l lessons.Lesson) string {
	var words []string
	if l.Minutes > 0 {
		words = append(words, strconv.Itoa(l.Minutes)+" minutes")
	}
	if l.Level != "" {
		words = append(words, l.Level)
	}
	return strings.Join(words, ", ")
}

// lessonName is what a lesson is in the list: one of a course, or by its place from 0.
func lessonName(l lessons.Lesson, i int) string {
	if l.Course != "" {
		return l.Course
	}
	return "Lesson " + strconv.Itoa(i+1)
}

// page is state/data.ts's PageData.
func (d learnData) page() pageData {
	p := pageData{Session: d.Session, API: d.api(), Samples: []pageManifest{}, CNIs: cnis, Lessons: contents(d.All)}
	for _, m := range d.Samples {
		p.Samples = append(p.Samples, *manifest(&m))
	}
	if d.Seat.Key != "" {
		p.Member = &d.Seat
	}
	if d.hasLesson() {
		p.Lesson = &pageLesson{Slug: d.Lesson.Slug, Title: d.Lesson.Title}
		for _, s := range d.Lesson.Steps {
			step := pageStep{Manifest: manifest(s.Manifest), Send: sendOf(s.Send), Checks: len(s.Checks), Solution: []pageAction{}, Scripts: s.Foreground != "" || s.Background != ""}
			for _, a := range s.Solution {
				step.Solution = append(step.Solution, pageAction{Apply: manifest(a.Apply), Run: a.Run, Send: sendOf(a.Send)})
			}
			p.Lesson.Steps = append(p.Lesson.Steps, step)
		}
	}
	return p
}

type pageData struct {
	Session model.Session  `json:"session"`
	API     string         `json:"api"`
	Samples []pageManifest `json:"samples"`
	CNIs    []cni          `json:"cnis"`
	Lessons []pageContents `json:"lessons,omitempty"`
	Lesson  *pageLesson    `json:"lesson,omitempty"`
	Member  *model.Seat    `json:"member,omitempty"`
}

// pageContents are a lesson's titles, for the palette to find.
type pageContents struct {
	Slug  string   `json:"slug"`
	Title string   `json:"title"`
	Steps []string `json:"steps"`
}

func contents(all []lessons.Lesson) []pageContents {
	out := make([]pageContents, len(all))
	for i, l := range all {
		out[i] = pageContents{Slug: l.Slug, Title: l.Title, Steps: make([]string, len(l.Steps))}
		for k, s := range l.Steps {
			out[i].Steps[k] = s.Title
		}
	}
	return out
}

// recordingData is state/data.ts's PageData where there is no session.
type recordingData struct {
	Recording struct {
		ID string `json:"id"`
	} `json:"recording"`
	Samples []pageManifest `json:"samples"`
	CNIs    []cni          `json:"cnis"`
}

func newRecordingData(id string) recordingData {
	d := recordingData{Samples: []pageManifest{}, CNIs: cnis}
	d.Recording.ID = id
	return d
}

type pageManifest struct {
	Label string `json:"label"`
	Name  string `json:"name"`
	Text  string `json:"text"`
}

type pageLesson struct {
	Slug  string     `json:"slug"`
	Title string     `json:"title"`
	Steps []pageStep `json:"steps"`
}

type pageStep struct {
	Manifest *pageManifest `json:"manifest,omitempty"`
	Send     *pageSend     `json:"send,omitempty"`
	Checks   int           `json:"checks"`
	Solution []pageAction  `json:"solution"`
	Scripts  bool          `json:"scripts,omitempty"`
}

type pageAction struct {
	Apply *pageManifest `json:"apply,omitempty"`
	Run   string        `json:"run,omitempty"`
	Send  *pageSend     `json:"send,omitempty"`
}

type pageSend struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Count int    `json:"count"`
}

func sendOf(s *lessons.Send) *pageSend {
	if s == nil {
		return nil
	}
	return &pageSend{From: s.From, To: s.To, Count: max(1, s.Count)}
}

func manifest(m *lessons.Manifest) *pageManifest {
	if m == nil {
		return nil
	}
	return &pageManifest{Label: label(*m), Name: m.Name, Text: m.Text}
}

// sendText says in words what a step offers to send.
func sendText(s lessons.Send) string {
	text := shortName(s.From) + " → " + shortName(s.To)
	if s.Count > 1 {
		text += ", " + strconv.Itoa(s.Count) + " times"
	}
	return text
}

func shortName(id string) string {
	if strings.Contains(id, "://") {
		return id
	}
	return id[strings.LastIndex(id, "/")+1:]
}
