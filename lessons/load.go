package lessons

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/podhop/podhop/lessons/check"
)

// An Error is a mistake in a lesson's folder.
type Error struct {
	File    string
	Line    int // from 1; 0 if the file as a whole is meant
	Message string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// folder is a lesson's: a number for the order, and the slug.
var folder = regexp.MustCompile(`^[0-9]+-([a-z0-9]+(?:-[a-z0-9]+)*)$`)

// levels are what a lesson may ask of its reader.
var levels = []string{"beginner", "intermediate", "advanced"}

// largest is how long a file of a lesson may be, in bytes.
const largest = 1 << 20

// lessonFile is what makes a folder a lesson of our format.
const lessonFile = "lesson.yaml"

// Load reads every lesson of fsys: folders NN-slug with a lesson.yaml
//
//	title: Your first Pod
//	summary: One sentence.
//	minutes: 5
//	level: beginner
//	steps:
//	- title: A Pod gets an address
//	  text: 1-address.md          # markdown, without raw HTML
//	  manifest: my-pod.yaml       # offered to the editor, and a file in the learner's home; optional
//	  send:                       # offered to the send bar; optional
//	    from: node/node-1
//	    to: pod/default/my-pod
//	  checks:                     # what must be so for the step to be done; optional
//	  - title: my-pod is running
//	    object: {kind: Pod, name: my-pod, that: 'object.status.phase == "Running"', saw: '"It is " + object.status.phase + "."'}
//	  hints: [A line of markdown., Another that says more.]
//	  solution:                   # what a learner may do, in order; needed where there are checks
//	  - apply: my-pod.yaml
//	  - run: kubectl scale deployment/my-deployment --replicas=2  # on the learner's machine
//	  - send: {from: node/node-1, to: pod/default/my-pod}
//
// and start/*.yaml, which is applied when the lesson is opened; options (nodes, cni,
// dualStack) are what the session is made with. Package check has what checks say. Manifests in
// samples/ are offered in every playground. A folder, or fsys itself, that is of one of
// the formats given is read as that; folders that nobody sees a lesson in are passed over.
// A lesson with mistakes is left out, and every mistake of every lesson is in the
// answer's errors, each an *Error.
func Load(fsys fs.FS, also ...Format) (Library, []error) {
	var lib Library
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return lib, []error{&Error{File: ".", Message: err.Error()}}
	}
	env, err := check.NewEnvironment()
	if err != nil {
		return lib, []error{err}
	}
	dirs := []string{"."}
	for _, e := range entries {
		if info, err := fs.Stat(fsys, e.Name()); err == nil && info.IsDir() { // a link to a folder is one
			dirs = append(dirs, e.Name())
		}
	}
	formats := append(slices.Clip(also), ours{env})
	var errs []error
	for _, dir := range dirs {
		i := slices.IndexFunc(formats, func(f Format) bool { return f.Sees(fsys, dir) })
		if i < 0 {
			continue
		}
		found, wrong := formats[i].Load(fsys, dir)
		slices.SortStableFunc(wrong, inOrder)
		errs = append(errs, wrong...)
		for _, lesson := range found {
			if _, twice := lib.Lesson(lesson.Slug); twice {
				errs = append(errs, &Error{File: dir, Message: fmt.Sprintf("another folder has the slug %q already", lesson.Slug)})
				continue
			}
			lib.Lessons = append(lib.Lessons, lesson)
		}
		if dir == "." {
			return lib, errs // what is below is of the course
		}
	}
	l := loader{fsys: fsys}
	lib.Samples = l.manifests("samples")
	return lib, append(errs, l.errs...)
}

// inOrder puts mistakes in the order of files and lines.
func inOrder(a, b error) int {
	var x, y *Error
	if !errors.As(a, &x) || !errors.As(b, &y) {
		return 0
	}
	return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
}

// source is lesson.yaml as it is written.
type source struct {
	Title   string       `yaml:"title"`
	Summary string       `yaml:"summary"`
	Minutes int          `yaml:"minutes"`
	Level   string       `yaml:"level"`
	Options Options      `yaml:"options"`
	Steps   []sourceStep `yaml:"steps"`
}

type sourceStep struct {
	Title    string `yaml:"title"`
	Text     string `yaml:"text"`
	Manifest string `yaml:"manifest"`
	Send     *Send  `yaml:"send"`

	Checks   []check.Spec   `yaml:"checks"`
	Hints    []string       `yaml:"hints"`
	Solution []sourceAction `yaml:"solution"`
}

// loader reads one folder and gathers what is wrong with it.
type loader struct {
	fsys fs.FS
	dir  string
	env  *check.Environment // of the checks' expressions
	errs []error
}

func (l *loader) fail(file string, line int, format string, args ...any) {
	l.errs = append(l.errs, &Error{File: path.Join(l.dir, file), Line: line, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) lesson(slug string) Lesson {
	const file = lessonFile
	data, ok := l.read(file, file, 0)
	if !ok {
		return Lesson{}
	}
	var src source
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&src); err != nil {
		l.failYAML(file, err)
		if typeErr := new(yaml.TypeError); !errors.As(err, &typeErr) {
			return Lesson{}
		} // else all that could be read was
	}
	var root yaml.Node
	_ = yaml.Unmarshal(data, &root)
	at := func(keys ...any) int { return lineOf(&root, keys...) }

	if src.Title == "" {
		l.fail(file, 1, "title is missing")
	}
	if src.Summary == "" {
		l.fail(file, 1, "summary is missing")
	}
	if src.Minutes < 1 || src.Minutes > 120 {
		l.fail(file, at("minutes"), "minutes: must be between 1 and 120")
	}
	if !slices.Contains(levels, src.Level) {
		l.fail(file, at("level"), "level: must be one of %s", strings.Join(levels, ", "))
	}
	if len(src.Steps) == 0 {
		l.fail(file, at("steps"), "steps: there must be at least one")
	}
	lesson := Lesson{Slug: slug, Title: src.Title, Summary: src.Summary, Minutes: src.Minutes, Level: src.Level, Options: src.Options,
		Start: l.manifests("start")}
	for i, s := range src.Steps {
		step := Step{Title: s.Title, Send: s.Send}
		if s.Title == "" {
			l.fail(file, at("steps", i), "a step must have a title")
		}
		if s.Text == "" {
			l.fail(file, at("steps", i), "a step must have a text")
		} else if text, ok := l.read(s.Text, file, at("steps", i, "text")); ok {
			step.HTML = l.markdown(s.Text, text)
		}
		if s.Manifest != "" {
			if text, ok := l.read(s.Manifest, file, at("steps", i, "manifest")); ok {
				l.checkManifest(s.Manifest, text)
				step.Manifest = &Manifest{Name: path.Base(s.Manifest), Text: string(text)}
				if other, ok := lesson.Manifests()[step.Manifest.Name]; ok && other != step.Manifest.Text {
					l.fail(file, at("steps", i, "manifest"), "%s: another manifest has the name already", step.Manifest.Name)
				}
			}
		}
		if !s.Send.valid() {
			l.fail(file, at("steps", i, "send"), badSend)
		}
		l.work(&step, s, file, func(keys ...any) int { return at(append([]any{"steps", i}, keys...)...) })
		lesson.Steps = append(lesson.Steps, step)
	}
	return lesson
}

// read reads a file of the folder; from and line say who asked for it.
func (l *loader) read(name, from string, line int) ([]byte, bool) {
	if !fs.ValidPath(name) {
		l.fail(from, line, "%q: must be a file inside the lesson's folder", name)
		return nil, false
	}
	full := path.Join(l.dir, name)
	info, err := fs.Stat(l.fsys, full)
	if errors.Is(err, fs.ErrNotExist) {
		l.fail(from, line, "%s: there is no such file", name)
		return nil, false
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > largest) { // a pipe would be waited for
		l.fail(from, line, "%s: must be a file of at most %d KiB", name, largest>>10)
		return nil, false
	}
	var data []byte
	if err == nil {
		data, err = fs.ReadFile(l.fsys, full)
	}
	if err != nil {
		l.fail(from, line, "%s: %v", name, err)
		return nil, false
	}
	return data, true
}

func (l *loader) manifests(dir string) []Manifest {
	names, err := fs.Glob(l.fsys, path.Join(l.dir, dir, "*.yaml"))
	if err != nil {
		l.fail(dir, 0, "%v", err)
	}
	var out []Manifest
	for _, full := range names {
		name := path.Join(dir, path.Base(full))
		if data, ok := l.read(name, dir, 0); ok {
			l.checkManifest(name, data)
			out = append(out, Manifest{Name: path.Base(name), Text: string(data)})
		}
	}
	return out
}

// checkManifest finds broken YAML; what the objects say is the API's to judge,
// for a lesson may want to show what it refuses.
func (l *loader) checkManifest(name string, data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			l.failYAML(name, err)
			return
		}
	}
}

// yamlLine finds the line in the messages of the yaml package.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): (.*)$`)

func (l *loader) failYAML(file string, err error) {
	messages := []string{err.Error()}
	var typeErr *yaml.TypeError
	if errors.As(err, &typeErr) {
		messages = typeErr.Errors
	}
	for _, m := range messages {
		line := 1 // the yaml package names no line where it is the first
		if found := yamlLine.FindStringSubmatch(m); found != nil {
			line, _ = strconv.Atoi(found[1])
			m = found[2]
		}
		m = strings.TrimPrefix(m, "yaml: ")
		m = strings.NewReplacer(" in type lessons.sourceStep", " in a step", " in type lessons.sourceAction", " in a solution", " in type lessons.source", "",
			" in type lessons.Send", " in send", " in type lessons.Options", " in options", " in type check.Spec", " in a check",
			" in type check.Object", " in object", " in type check.Traffic", " in traffic", " in type check.Trace", " in trace", " in type check.Script", " in script",
			" into time.Duration", " into a duration, such as 10s").Replace(m)
		l.fail(file, line, "%s", m)
	}
}

// lineOf is the line of the value under keys (names and indices), or of the
// deepest one that exists.
func lineOf(n *yaml.Node, keys ...any) int {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for _, key := range keys {
		var next *yaml.Node
		switch k := key.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && k < len(n.Content) {
				next = n.Content[k]
			}
		case string:
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == k {
					next = n.Content[i+1]
				}
			}
		}
		if next == nil {
			return n.Line
		}
		n = next
	}
	return n.Line
}
