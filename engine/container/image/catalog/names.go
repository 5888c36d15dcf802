package catalog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names says which image references a catalogue image answers to.
//
// A registry holds the tags somebody pushed; the catalogue holds one build for
// each name. It stands in for the tags that plausibly exist (versions between
// Oldest and Newest, the usual words and variants) and for no others, so a
// mistyped or invented tag fails as it would at a registry, "nginx:1.161" of the
// Kubernetes documentation's failing rollout among them.
type Names struct {
	// Repositories in full: "docker.io/library/nginx". The first is the one
	// listings show.
	Repositories []string `json:"repositories"`
	// Oldest and Newest bound the versions, by major and minor part.
	Oldest string `json:"oldest,omitempty"`
	Newest string `json:"newest,omitempty"`
	// Words are tags that are no versions, beside "latest".
	Words []string `json:"words,omitempty"`
	// Only leaves out every tag but Words, "latest" too.
	Only bool `json:"only,omitempty"`
}

var (
	versionTag = regexp.MustCompile(`^v?(\d{1,4})(?:\.(\d{1,4}))?(?:\.(\d{1,4}))?(?:\.\d{1,4})?$`)
	variantTag = regexp.MustCompile(`^(alpine|slim|debian|trixie|bookworm|bullseye|buster|perl|musl|glibc|uclibc|linux|amd64|arm64)(\d+(\.\d+)*)?$`)
	buildTag   = regexp.MustCompile(`^(r?\d{1,3}|beta\.?\d*|rc\.?\d*)$`)
)

// newestPatch is the largest third part of a version that is taken for real.
const newestPatch = 60

// Has tells whether there is any tag of the repository.
func (n Names) Has(repository string) bool { return slices.Contains(n.Repositories, repository) }

// Tags says in words which tags there are.
func (n Names) Tags() []string {
	if n.Only {
		return slices.Clone(n.Words)
	}
	tags := append([]string{"latest"}, n.Words...)
	if n.Newest != "" {
		tags = append(tags, n.Oldest+" to "+n.Newest)
	}
	return tags
}

// Answers tells whether repository:tag is one of these names.
func (n Names) Answers(repository, tag string) bool {
	return n.Has(repository) && n.hasTag(tag)
}

func (n Names) hasTag(tag string) bool {
	if n.Only {
		return slices.Contains(n.Words, tag)
	}
	if tag == "latest" || slices.Contains(n.Words, tag) {
		return true
	}
	first, rest, _ := strings.Cut(tag, "-")
	if !n.hasVersion(first) && !slices.Contains(n.Words, first) && !variantTag.MatchString(first) {
		return false
	}
	if rest == "" {
		return first == tag
	}
	for _, part := range strings.Split(rest, "-") {
		if !variantTag.MatchString(part) && !buildTag.MatchString(part) {
			return false
		}
	}
	return true
}

func (n Names) hasVersion(tag string) bool {
	if n.Newest == "" {
		return false
	}
	v, parts := parseVersion(tag)
	if parts == 0 || v[2] > newestPatch {
		return false
	}
	oldest, _ := parseVersion(n.Oldest)
	newest, _ := parseVersion(n.Newest)
	if parts == 1 { // "nginx:1": any minor of that major
		return v[0] >= oldest[0] && v[0] <= newest[0]
	}
	return slices.Compare(v[:2], oldest[:2]) >= 0 && slices.Compare(v[:2], newest[:2]) <= 0
}

// parseVersion returns major, minor and patch, and how many of them there are.
func parseVersion(s string) (v [3]int, parts int) {
	m := versionTag.FindStringSubmatch(s)
	if m == nil {
		return v, 0
	}
	for i, part := range m[1:] {
		if part == "" {
			break
		}
		v[i], _ = strconv.Atoi(part)
		parts++
	}
	return v, parts
}
