// Whole objects to begin with, as templates of CodeMirror's.

export interface Snippet {
  label: string;
  detail: string;
  template: string;
}

const meta = (apiVersion: string, kind: string, name: string) => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: \${${name}}\n`;

export const snippets: Snippet[] = [
  {
    label: "Pod", detail: "one container",
    template: meta("v1", "Pod", "my-pod") + "  labels:\n    app: ${my-app}\nspec:\n  containers:\n  - name: ${web}\n    image: ${nginx}\n    ports:\n    - containerPort: 80\n",
  },
  {
    label: "Deployment", detail: "pods, kept at a number",
    template: meta("apps/v1", "Deployment", "my-deployment") +
      "spec:\n  replicas: 3\n  selector:\n    matchLabels:\n      app: ${my-app}\n  template:\n    metadata:\n      labels:\n        app: ${my-app}\n    spec:\n      containers:\n      - name: ${web}\n        image: ${nginx}\n        ports:\n        - containerPort: 80\n",
  },
  {
    label: "Service", detail: "one address for many pods",
    template: meta("v1", "Service", "my-service") + "spec:\n  selector:\n    app: ${my-app}\n  ports:\n  - port: 80\n    targetPort: 80\n",
  },
  {
    label: "ConfigMap", detail: "settings",
    template: meta("v1", "ConfigMap", "my-config") + "data:\n  ${key}: ${value}\n",
  },
  {
    label: "Ingress", detail: "a host and its paths",
    template: meta("networking.k8s.io/v1", "Ingress", "my-ingress") +
      "spec:\n  rules:\n  - host: ${my-app.example}\n    http:\n      paths:\n      - path: ${/}\n        pathType: Prefix\n        backend:\n          service:\n            name: ${my-service}\n            port:\n              number: 80\n",
  },
  {
    label: "NetworkPolicy", detail: "who may reach these pods",
    template: meta("networking.k8s.io/v1", "NetworkPolicy", "my-policy") +
      "spec:\n  podSelector:\n    matchLabels:\n      app: ${my-app}\n  policyTypes:\n  - Ingress\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app: ${client}\n    ports:\n    - port: 80\n",
  },
];
