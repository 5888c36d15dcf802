package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	// commandHeader is where kubectl says which of its commands asks
	// (k8s.io/cli-runtime/pkg/genericclioptions/command_headers.go).
	commandHeader = "Kubectl-Command"
	// statusBytes bounds what is kept of a refusal until it is told, and messageBytes what is told.
	statusBytes, messageBytes = 64 << 10, 4 << 10
)

// attends is whether a refusal of this request is somebody's to hear of: it is the learner's kubectl that
// asks for an object. Controllers, kubelets and this process itself come another way, pages have other names, and
// pods other tokens.
func (s *Session) attends(r *http.Request, info *request.RequestInfo) bool {
	return s.server.config.Refused != nil && strings.HasPrefix(r.UserAgent(), "kubectl/") && info.IsResourceRequest &&
		info.Verb != "watch" && info.Subresource != "proxy" && r.Header.Get("Upgrade") == "" &&
		r.Context().Value(identityKey{}) == nil && s.isAdministrator(r)
}

// attended keeps what is answered, if it is a refusal.
type attended struct {
	http.ResponseWriter
	code int
	text []byte
}

func (a *attended) WriteHeader(code int) {
	if a.code == 0 && code >= http.StatusOK {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *attended) Write(p []byte) (int, error) {
	if a.code == 0 {
		a.code = http.StatusOK
	}
	if a.code >= http.StatusBadRequest {
		a.text = append(a.text, p[:min(len(p), statusBytes-len(a.text))]...)
	}
	return a.ResponseWriter.Write(p)
}

func (a *attended) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// tell tells of an answer, if it says that somebody made a mistake.
func (s *Session) tell(ctx context.Context, a *attended, info *request.RequestInfo, command string) {
	if !mistaken(a.code, info, command) {
		return
	}
	message := http.StatusText(a.code)
	if status := readStatus(a.text); status != nil && status.Message != "" {
		message = status.Message
	}
	s.server.config.Refused(ctx, s.id, message[:min(len(message), messageBytes)])
}

// readStatus reads the answer of an API, in JSON or protobuf; nil if it is none.
func readStatus(text []byte) *metav1.Status {
	if !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("k8s\x00")) {
		return nil
	}
	o, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil
	}
	status, _ := o.(*metav1.Status)
	return status
}

// mistaken is whether an answer says that what was asked for cannot be: not that somebody has to wait, or to ask
// again, nor what kubectl makes something of by itself.
func mistaken(code int, info *request.RequestInfo, command string) bool {
	switch code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusInternalServerError:
		return true
	case http.StatusNotFound:
		switch info.Verb {
		case "list":
			return false // a kind that is just being made, or removed
		case "get":
			words := strings.Fields(command)
			return len(words) > 1 && slices.Contains(wants, words[1])
		}
		return true
	}
	return false
}

// wants are the commands of kubectl that want what they name to be there. Others ask for what they are about to
// make (apply, diff), or until it is gone (delete, wait, drain).
var wants = []string{"annotate", "attach", "autoscale", "cordon", "cp", "debug", "describe", "edit", "exec", "expose", "get", "label",
	"logs", "patch", "port-forward", "rollout", "scale", "set", "taint", "top", "uncordon"}
