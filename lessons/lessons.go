// Package lessons loads lessons: content kept as data, one folder a lesson, so
// that an author needs no Go. See Load for the format.
//
// It must not know how a lesson is shown (web) or where it runs (server); it
// renders markdown because bad markdown is an author's error like any other.
package lessons

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"slices"

	"github.com/podhop/podhop/lessons/check"
)

//go:embed all:[0-9]* samples
var content embed.FS

// Content is the lessons that come with Podhop.
func Content() fs.FS { return content }

// A Library is every lesson that loaded, in the order of its folders.
type Library struct {
	Lessons []Lesson
	// Samples are manifests offered in any playground, in the order of their files.
	Samples []Manifest
}

// Lesson finds a lesson by its slug.
func (l Library) Lesson(slug string) (Lesson, bool) {
	i := slices.IndexFunc(l.Lessons, func(x Lesson) bool { return x.Slug == slug })
	if i < 0 {
		return Lesson{}, false
	}
	return l.Lessons[i], true
}

// A Lesson is one folder.
type Lesson struct {
	// Slug is the folder's name without its number: "your-first-pod".
	Slug    string
	Title   string
	Summary string
	Minutes int
	Level   string
	// Options are what the session is made with.
	Options Options
	// Start is applied when the lesson is opened.
	Start []Manifest
	Steps []Step
	// Course is the title of the course that it is of; empty if there is none.
	Course string
	// Assets are put on the learner's machine when the lesson is opened.
	Assets []Asset
	// Files are those that its texts show.
	Files Files
}

// StartYAML is all of Start as one stream of documents; empty if there is none.
func (l Lesson) StartYAML() []byte {
	var b bytes.Buffer
	for i, m := range l.Start {
		if i > 0 {
			b.WriteString("---\n")
		}
		b.WriteString(m.Text)
	}
	return b.Bytes()
}

// Manifests are those that its steps offer, by the names of their files: a learner who
// types finds them in their home.
func (l Lesson) Manifests() map[string]string {
	files := map[string]string{}
	for _, s := range l.Steps {
		if s.Manifest != nil {
			files[s.Manifest.Name] = s.Manifest.Text
		}
	}
	return files
}

// A Step is one page of a lesson.
type Step struct {
	Title string
	// HTML was made from markdown without raw HTML, so it is safe as it stands.
	HTML template.HTML
	// Manifest is offered to be loaded into the editor; nil if there is none.
	Manifest *Manifest
	// Send is offered to be put into the send bar; nil if there is none.
	Send *Send

	// Checks tell whether the step is done; a step without is one to read.
	Checks []*check.Check
	// Hints say more and more of what to do.
	Hints []template.HTML
	// Solution is one way to do it.
	Solution []Action
	// Commands are those that the text offers to run on the learner's machine.
	Commands []string
	// Foreground is a script for the learner's own shell, Background one that runs
	// apart from it, when the step is begun for the first time.
	Foreground, Background string
}

// Options say what a lesson's session is made with, as model.SessionOptions do.
type Options struct {
	Nodes     int    `yaml:"nodes"`
	CNI       string `yaml:"cni"`
	DualStack bool   `yaml:"dualStack"`
}

// An Action is something that a learner may do. One of its fields is set.
type Action struct {
	Apply *Manifest
	Run   string // one line, as it is typed on the learner's machine
	Send  *Send
}

// A Manifest is a named piece of YAML.
type Manifest struct {
	Name string // the file's name
	Text string
}

// A Send is a request worth making at a step. From and To are IDs of the map
// ("client", "node/node-1", "pod/default/my-pod", "service/default/web") or, for
// To, a URL or host:port.
type Send struct {
	From  string `yaml:"from"`
	To    string `yaml:"to"`
	Count int    `yaml:"count"`
}

const badSend = "send: must have from and to, and a count of at most 100"

// valid reports whether it could be sent; none at all is fine.
func (s *Send) valid() bool {
	return s == nil || s.From != "" && s.To != "" && s.Count >= 0 && s.Count <= 100
}
