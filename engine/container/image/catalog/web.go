package catalog

import v1 "github.com/google/go-containerregistry/pkg/v1"

// nginx behaves as the official image does: its paths, its log files on the
// container's own output, its entry point's hooks and templates.
func nginx() Recipe {
	r := Recipe{
		Name: "nginx", Base: "net", Packages: []string{"nginx", "nginx-common", "gettext-base"},
		Keep: []string{"/usr/sbin/nginx", "/usr/share/nginx/html/index.html", "/etc/nginx/mime.types", "/etc/nginx/fastcgi_params",
			"/etc/nginx/scgi_params", "/etc/nginx/uwsgi_params", "/usr/bin/envsubst"},
		Files: []File{
			{Path: "/etc/nginx/nginx.conf", Text: nginxConf}, {Path: "/etc/nginx/conf.d/default.conf", Text: nginxDefault},
			{Path: "/usr/share/nginx/html/50x.html", Text: nginx50x},
			{Path: "/var/log/nginx/access.log", Link: "/dev/stdout"}, {Path: "/var/log/nginx/error.log", Link: "/dev/stderr"},
			{Path: "/docker-entrypoint.d", Mode: dir}, {Path: "/docker-entrypoint.sh", Mode: script, Text: nginxEntrypoint},
			{Path: "/etc/passwd", Text: passwd + "nginx:x:101:101:nginx user:/nonexistent:/bin/false\n"}, {Path: "/etc/group", Text: group + "nginx:x:101:\n"},
			{Path: "/var/cache/nginx", Mode: dir}, {Path: "/var/lib/nginx", Mode: dir}, {Path: "/usr/lib/nginx/modules", Mode: dir}, {Path: "/etc/nginx/modules", Link: "/usr/lib/nginx/modules"},
		},
		Config: v1.Config{Env: []string{path0}, Entrypoint: []string{"/docker-entrypoint.sh"}, Cmd: []string{"nginx", "-g", "daemon off;"},
			StopSignal: "SIGQUIT", ExposedPorts: map[string]struct{}{"80/tcp": {}}},
		Names: []Names{library("nginx", "1.7", "1.31", "stable", "mainline"),
			{Repositories: []string{"public.ecr.aws/nginx/nginx"}, Oldest: "1.7", Newest: "1.31", Words: []string{"stable", "mainline"}},
			{Repositories: []string{"registry.k8s.io/nginx-slim", "k8s.gcr.io/nginx-slim", "gcr.io/google_containers/nginx-slim"}, Oldest: "0.1", Newest: "0.40"},
			{Repositories: []string{"registry.k8s.io/e2e-test-images/nginx", "k8s.gcr.io/e2e-test-images/nginx"}, Oldest: "1.14", Newest: "1.28"},
			{Repositories: []string{"registry.k8s.io/nginx", "k8s.gcr.io/nginx", "gcr.io/google_containers/nginx"}, Oldest: "1.7", Newest: "1.15"}},
		VersionOf: "nginx",
	}
	return r
}

const nginxConf = `user  nginx;
worker_processes  auto;

error_log  /var/log/nginx/error.log notice;
pid        /run/nginx.pid;

events {
    worker_connections  1024;
}

http {
    include       /etc/nginx/mime.types;
    default_type  application/octet-stream;

    log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';

    access_log  /var/log/nginx/access.log  main;

    sendfile        on;
    keepalive_timeout  65;

    include /etc/nginx/conf.d/*.conf;
}
`

const nginxDefault = `server {
    listen       80;
    listen  [::]:80;
    server_name  localhost;

    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }

    # redirect server error pages to the static page /50x.html
    error_page   500 502 503 504  /50x.html;
    location = /50x.html {
        root   /usr/share/nginx/html;
    }
}
`

const nginx50x = `<!DOCTYPE html>
<html>
<head><title>Error</title></head>
<body>
<h1>An error occurred.</h1>
<p>Sorry, the page you are looking for is currently unavailable.<br/>Please try again later.</p>
</body>
</html>
`

const nginxEntrypoint = `#!/bin/sh
# Runs what is in /docker-entrypoint.d and fills in /etc/nginx/templates, then the command.
set -e
if [ "$1" = nginx ] || [ "$1" = nginx-debug ]; then
	for f in /docker-entrypoint.d/*; do
		case "$f" in
		*.envsh) [ -x "$f" ] && . "$f" ;;
		*.sh) [ -x "$f" ] && "$f" ;;
		esac
	done
	if [ -d /etc/nginx/templates ]; then
		defined=$(env | cut -d= -f1 | awk '{ printf "${%s} ", $1 }')
		for t in /etc/nginx/templates/*.template; do
			[ -f "$t" ] && envsubst "$defined" <"$t" >"/etc/nginx/conf.d/$(basename "$t" .template)"
		done
	fi
fi
exec "$@"
`

// httpdModules are the ones our configuration loads.
var httpdModules = []string{"mpm_event", "authn_file", "authn_core", "authz_host", "authz_groupfile", "authz_user", "authz_core", "access_compat",
	"auth_basic", "reqtimeout", "filter", "mime", "env", "headers", "setenvif", "status", "autoindex", "dir", "alias", "rewrite", "proxy",
	"proxy_http", "proxy_balancer", "slotmem_shm", "lbmethod_byrequests", "cgid"}

// httpd behaves as the official image does, with Debian's server in its place.
func httpd() Recipe {
	r := Recipe{
		Name: "httpd", Base: "net", Packages: []string{"apache2-bin", "media-types", "apache2-utils"},
		Keep: []string{"/usr/sbin/apache2", "/etc/mime.types", "/usr/bin/ab", "/usr/bin/htpasswd"},
		Files: []File{
			{Path: "/usr/local/apache2/htdocs/index.html", Text: "<html><body><h1>It works!</h1></body></html>\n"},
			{Path: "/usr/local/apache2/logs", Mode: dir}, {Path: "/usr/local/apache2/cgi-bin", Mode: dir}, {Path: "/usr/local/apache2/conf/extra", Mode: dir},
			{Path: "/usr/local/apache2/conf/mime.types", Link: "/etc/mime.types"}, {Path: "/usr/local/apache2/modules", Link: "/usr/lib/apache2/modules"},
			{Path: "/usr/local/apache2/bin/httpd", Mode: script, Text: httpdWrapper}, {Path: "/usr/local/bin/httpd", Link: "/usr/local/apache2/bin/httpd"},
			{Path: "/usr/local/bin/httpd-foreground", Mode: script, Text: httpdForeground},
		},
		Config: v1.Config{Env: []string{"PATH=/usr/local/apache2/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HTTPD_PREFIX=/usr/local/apache2"},
			Cmd: []string{"httpd-foreground"}, WorkingDir: "/usr/local/apache2", StopSignal: "SIGWINCH", ExposedPorts: map[string]struct{}{"80/tcp": {}}},
		Names:     []Names{library("httpd", "2.2", "2.4"), {Repositories: []string{"registry.k8s.io/e2e-test-images/httpd", "k8s.gcr.io/e2e-test-images/httpd"}, Oldest: "2.4", Newest: "2.4"}},
		VersionOf: "apache2-bin",
	}
	conf := "ServerRoot \"/usr/local/apache2\"\nListen 80\n"
	for _, module := range httpdModules {
		r.Keep = append(r.Keep, "/usr/lib/apache2/modules/mod_"+module+".so")
		conf += "LoadModule " + module + "_module modules/mod_" + module + ".so\n"
	}
	r.Files = append(r.Files, File{Path: "/usr/local/apache2/conf/httpd.conf", Text: conf + httpdConf})
	return r
}

const httpdConf = `<IfModule unixd_module>
User www-data
Group www-data
</IfModule>
ServerAdmin you@example.com
ServerName localhost
PidFile logs/httpd.pid
DefaultRuntimeDir logs
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "/usr/local/apache2/htdocs"
<Directory "/usr/local/apache2/htdocs">
    Options Indexes FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
<IfModule dir_module>
    DirectoryIndex index.html
</IfModule>
<Files ".ht*">
    Require all denied
</Files>
ErrorLog /proc/self/fd/2
LogLevel warn
LogFormat "%h %l %u %t \"%r\" %>s %b" common
CustomLog /proc/self/fd/1 common
ScriptAlias /cgi-bin/ "/usr/local/apache2/cgi-bin/"
<Directory "/usr/local/apache2/cgi-bin">
    AllowOverride None
    Require all granted
</Directory>
TypesConfig conf/mime.types
`

const httpdWrapper = `#!/bin/sh
exec /usr/sbin/apache2 -d /usr/local/apache2 -f /usr/local/apache2/conf/httpd.conf "$@"
`

const httpdForeground = `#!/bin/sh
set -e
rm -f /usr/local/apache2/logs/httpd.pid
exec /usr/local/apache2/bin/httpd -DFOREGROUND "$@"
`
