package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podhop/podhop/engine/container"
	"github.com/podhop/podhop/engine/container/image"
	"github.com/podhop/podhop/engine/desk"
	"github.com/podhop/podhop/engine/ingress/route"
	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/engine/terminal"
)

// deskImage is what the learner's machine runs.
const deskImage = "docker.io/podhop/desk:1.0"

// deskLimits are for all that runs on the learner's machine, terminals among it. Its
// files are the session's, and are counted where they are written.
var deskLimits = container.Resources{Memory: 512 << 20, Pids: 256}

// deskCapabilities let the learner be root of the network that they are in, as on any
// machine of one's own: the session's user namespace owns it.
var deskCapabilities = container.Capabilities{Add: []string{"NET_ADMIN"}}

// openDesk puts the learner's machine in the client's place. It costs nothing before
// somebody uses it.
func (s *Session) openDesk(context.Context, []network.Node) error {
	s.desk = desk.New(desk.Config{
		ID: "desk", Containers: s.containers, Users: s.users, Net: s.network.Client(), Name: network.VertexClient,
		Capabilities: deskCapabilities, Limits: deskLimits, Log: s.log,
		Image: s.engine.deskImage, Home: s.deskHome, Hosts: s.deskHosts, Resolv: deskResolv,
	})
	s.terminals = terminal.NewSet(terminal.Config{Prefix: strings.ToLower(rand.Text()[:5]) + "-"})
	s.onClose(s.terminals.Close)
	s.onClose(s.shells.close)
	s.onClose(s.desk.Close) // and with it what the terminals would wait for
	return nil
}

func (e *Engine) deskImage() (image.Image, error) {
	img, err := e.images.Resolve(deskImage)
	if err != nil {
		return img, fmt.Errorf("%w: this server's catalogue of images has no learner's machine: build it anew (podhop images build)", model.ErrConflict)
	}
	return img, nil
}

// Script runs bash with a text on the learner's machine, as the learner, in their home,
// apart from the terminals. What has not ended when ctx ends is killed with its process
// group, and the result says that it was late. It fails with model.ErrTooLarge for a text
// that is too long, with model.ErrConflict where the machine cannot be.
func (s *Session) Script(ctx context.Context, text string) (model.ScriptResult, error) {
	s.api.Act()
	return s.desk.Script(ctx, text)
}

// PutFiles writes files into a folder of the learner's home, to which one that is not
// absolute belongs. It fails with model.ErrInvalid for a folder elsewhere, with
// model.ErrTooLarge for too much.
func (s *Session) PutFiles(ctx context.Context, folder string, files fs.FS) error {
	return s.desk.PutFiles(ctx, folder, files)
}

const deskBashrc = `# Yours: it is read by every shell of this machine, after /etc/bash.bashrc.
# alias kgp='kubectl get pods -o wide'
`

const deskResolv = `# This machine is outside of the cluster and outside of the world: nobody here answers
# names. /etc/hosts has those of the nodes, and of Ingresses and Gateways once they have an
# address; ask the cluster's DNS from a pod.
nameserver 127.0.0.1
options timeout:1 attempts:1
`

// HomeFiles says which files the learner's home begins with besides its own, by their
// paths in it. They are written when the machine is made, so that it need not be made for
// them; what is there already is the learner's, and stays.
func (s *Session) HomeFiles(files map[string]string) { s.homeFiles.Store(&files) }

// deskHome are the files that the learner's home begins with.
func (s *Session) deskHome() (map[string]string, error) {
	files := map[string]string{}
	if more := s.homeFiles.Load(); more != nil {
		maps.Copy(files, *more)
	}
	config, err := s.deskKubeconfig()
	files[".kube/config"], files[".bashrc"] = config, deskBashrc
	return files, err
}

// deskKubeconfig leads to the session's API server as the cluster knows it.
func (s *Session) deskKubeconfig() (string, error) {
	config := clientcmdapi.NewConfig()
	const name = "podhop"
	config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://" + apiServer.String(), CertificateAuthorityData: s.engine.cfg.RootCA}
	config.AuthInfos["learner"] = &clientcmdapi.AuthInfo{Token: s.api.AdminToken()}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: "learner", Namespace: "default"}
	config.CurrentContext = name
	text, err := clientcmd.Write(*config)
	return string(text), err
}

// deskHosts is the machine's hosts file: the nodes, and the names that Ingresses and
// Gateways have addresses for, as somebody would write them down. A wildcard cannot be
// written there.
func (s *Session) deskHosts() string {
	var out strings.Builder
	fmt.Fprintf(&out, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n%s\t%s\n", clientIP, network.VertexClient)
	for _, n := range s.nodes.on() {
		fmt.Fprintf(&out, "%s\t%s\n", n.IP, n.Name)
	}
	for _, h := range s.ingress.Hosts() {
		if h.Pattern.Name != "" && h.Pattern.Labels == route.None {
			fmt.Fprintf(&out, "%s\t%s\t# %s %s/%s\n", h.Address, h.Pattern, h.Kind, h.Namespace, h.Name)
		}
	}
	return out.String()
}

// hostsChanged is told when nodes or names of Ingresses have come or gone.
func (s *Session) hostsChanged() {
	if err := s.desk.HostsChanged(); err != nil {
		s.log.Warn("the learner's machine's hosts", "err", err)
	}
}
