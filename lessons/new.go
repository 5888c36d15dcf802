package lessons

// ValidFolder reports whether a lesson's folder may be called that.
func ValidFolder(name string) bool { return folder.MatchString(name) }

// Beginning is what a new lesson begins with, by the files' names: one step, which
// asks for something, and how that is done.
func Beginning() map[string]string {
	return map[string]string{
		"lesson.yaml": `title: My lesson
summary: What somebody can do who has taken it, in one sentence.
minutes: 5
level: beginner
steps:
- title: A Pod of your own
  text: 1-pod.md
  manifest: my-pod.yaml
  checks:
  - title: my-pod is running
    object:
      kind: Pod
      name: my-pod
      that: object.status.phase == "Running"
      saw: '"my-pod is " + object.status.phase + "."'
  hints:
  - Put the manifest into the editor, and apply it.
  solution:
  - apply: my-pod.yaml
`,
		"1-pod.md": "Say what there is to see, and what to do. Here: apply `my-pod.yaml`, and watch the Pod get an address.\n",
		"my-pod.yaml": `apiVersion: v1
kind: Pod
metadata:
  name: my-pod
spec:
  containers:
  - name: my-container
    image: nginx
    ports:
    - containerPort: 80
`,
	}
}
