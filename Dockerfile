# Podhop in a container. The first stage builds the server and the catalogue of
# container images; the second holds just those and the four tools that run them.

FROM golang:1.26-bookworm AS build
WORKDIR /src

# Upstream Kubernetes first: its download changes with go.mod alone.
COPY go.mod go.sum ./
COPY internal/upstream internal/upstream
RUN go -C internal/upstream run . -root ../.. && go mod download
# Most of what takes minutes to compile, so that a change of the server's own code takes one.
RUN GOFLAGS=-trimpath go build k8s.io/kubernetes/cmd/kube-apiserver/app k8s.io/kubernetes/pkg/kubelet \
        k8s.io/kubernetes/pkg/scheduler k8s.io/kubernetes/pkg/proxy/nftables k8s.io/kubernetes/cmd/kubectl

COPY . .
RUN make --no-print-directory build SETUP=no
RUN bin/podhop images build --images /catalogue

FROM debian:bookworm-slim
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates conntrack crun iproute2 nftables uidmap && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /src/bin/podhop /usr/local/bin/podhop
COPY --from=build /catalogue /usr/share/podhop/images
ENV PODHOP_IMAGES=/usr/share/podhop/images PODHOP_DATA=/var/lib/podhop
# Root starts it, gives this user a group of the container's cgroup and the volume, and is gone then.
ENV PODHOP_USER=10001
VOLUME /var/lib/podhop
EXPOSE 8080 8443
# Whether it is ready, and why not: docker inspect has what it says.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["podhop", "health"]
ENTRYPOINT ["podhop"]
CMD ["serve"]
