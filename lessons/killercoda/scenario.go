package killercoda

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/podhop/podhop/lessons"
	"github.com/podhop/podhop/lessons/markdown"
)

// A scenario is one folder, while it is read.
type scenario struct {
	*reader
	dir, slug string
	files     lessons.Files
	texts     [][]byte
}

var (
	digits = regexp.MustCompile(`[0-9]+`)
	nodes  = regexp.MustCompile(`^kubernetes-.*?([1-5])nodes?\b`)
	// named are the names of Killercoda's nodes, where a text speaks of them.
	named  = regexp.MustCompile(`\b(controlplane|node0[1-9])\b`)
	levels = []string{"beginner", "intermediate", "advanced"}
	images = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".avif"}
)

// read reads the folder. What is wrong is in the reader's errors.
func (s *scenario) read(as item) (l lessons.Lesson) {
	file := path.Join(s.dir, scenarioFile)
	v, ok := s.json(file)
	if !ok {
		return l
	}
	s.files = lessons.NewFiles(s.fsys)
	l.Slug = or(s.slug, "scenario")
	l.Title = or(as.title, v.get("title").text, path.Base(s.dir))
	l.Summary = or(as.description, v.get("description").text)
	if minutes, err := strconv.Atoi(digits.FindString(v.get("time").text)); err == nil && minutes <= 600 {
		l.Minutes = minutes
	}
	if level := strings.ToLower(v.get("difficulty").text); slices.Contains(levels, level) {
		l.Level = level
	}
	image := v.get("backend").get("imageid").text
	l.Options.Nodes = 1
	if m := nodes.FindStringSubmatch(image); m != nil {
		l.Options.Nodes, _ = strconv.Atoi(m[1])
	}
	details := v.get("details")
	if intro := details.get("intro"); intro.fields != nil {
		l.Steps = append(l.Steps, s.step(file, intro, l.Title, false))
	}
	for i, each := range details.get("steps").items {
		l.Steps = append(l.Steps, s.step(file, each, fmt.Sprintf("Step %d", i+1), true))
	}
	if finish := details.get("finish"); finish.fields != nil {
		l.Steps = append(l.Steps, s.step(file, finish, "Done", false))
	}
	if len(l.Steps) == 0 {
		l.Steps = []lessons.Step{{Title: l.Title, HTML: template.HTML("<p>" + template.HTMLEscapeString(l.Summary) + "</p>")}}
	}
	l.Steps[0].HTML = s.notes(image) + l.Steps[0].HTML
	l.Assets = s.assets(file, details.get("assets"))
	l.Files = s.files
	return l
}

// notes tell a learner what is otherwise here than where the scenario was written for.
func (s *scenario) notes(image string) template.HTML {
	var notes []string
	if image != "" && !strings.HasPrefix(image, "kubernetes") {
		notes = append(notes, "This scenario was written for the machine `"+image+"`. Here it runs on the learner's machine beside a cluster, which has other programs.")
	}
	if slices.ContainsFunc(s.texts, named.Match) {
		notes = append(notes, "The nodes that the text calls `controlplane` and `node01` are `node-1` and `node-2` here.")
	}
	var out template.HTML
	for _, n := range notes {
		text, _ := markdown.Render([]byte("> "+n), markdown.Options{})
		out += text.HTML
	}
	return out
}

// step reads the intro, a step, or the finish.
func (s *scenario) step(file string, v *value, title string, must bool) (step lessons.Step) {
	step.Title = or(v.get("title").text, title)
	switch text := v.get("text"); {
	case text.text != "":
		if full, data, ok := s.file(text.text, file, text.line); ok {
			s.texts = append(s.texts, data)
			rendered, mistakes := markdown.Render(data, markdown.Options{HTML: true, Resolve: func(ref string) (string, bool) { return s.resolve(full, ref, data) }})
			for _, m := range mistakes {
				s.fail(full, m.Line, m.Message)
			}
			step.HTML, step.Commands = rendered.HTML, rendered.Commands
		}
	case must:
		s.fail(file, v.line, "a step must have a text")
	}
	step.Foreground = s.script(file, v.first("foreground", "code"))
	step.Background = s.script(file, v.first("background", "courseData"))
	s.verify(&step, file, v.get("verify"))
	return step
}

// script is the text of one that a step names; courseData and code are what Katacoda
// called them.
func (s *scenario) script(file string, name *value) string {
	if name.text == "" {
		return ""
	}
	_, data, _ := s.file(name.text, file, name.line)
	return string(data)
}

// resolve finds what a text refers to: images of anywhere in what is loaded, other files
// of the scenario's folder.
func (s *scenario) resolve(text, ref string, data []byte) (string, bool) {
	full := path.Join(path.Dir(text), ref)
	image := slices.Contains(images, strings.ToLower(path.Ext(ref)))
	below := strings.HasPrefix(full, s.dir+"/") || s.dir == "."
	hidden := strings.HasPrefix(full, ".") || strings.Contains(full, "/.")
	if ref != "" && fs.ValidPath(full) && (image || below) && !hidden && has(s.fsys, full) && !linked(s.fsys, full) {
		s.files.Add(full)
		return "/lessons/" + s.slug + "/files/" + (&url.URL{Path: full}).EscapedPath(), true
	}
	if image {
		before, _, _ := bytes.Cut(data, []byte(ref))
		s.fail(text, 1+bytes.Count(before, []byte("\n")), quoted(ref)+": there is no such image")
	}
	return "", false
}
