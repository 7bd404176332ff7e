//! A Django project with its admin and `SQLite`: migrated, logged in to, written to.

use crate::harness::{Connection, Emperor, Python, Response, Vassal, connect, write_python};

use super::virtualenvs::{Packages, minor_of, run_in, with_packages};

const SETTINGS: &str = r"
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = 'for tests'
ALLOWED_HOSTS = ['test']
ROOT_URLCONF = 'urls'
INSTALLED_APPS = [
    'django.contrib.admin', 'django.contrib.auth', 'django.contrib.contenttypes',
    'django.contrib.sessions', 'django.contrib.messages',
]
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware', 'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.common.CommonMiddleware', 'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'django.contrib.messages.middleware.MessageMiddleware',
]
TEMPLATES = [{
    'BACKEND': 'django.template.backends.django.DjangoTemplates',
    'APP_DIRS': True,
    'OPTIONS': {'context_processors': [
        'django.template.context_processors.request', 'django.contrib.auth.context_processors.auth',
        'django.contrib.messages.context_processors.messages',
    ]},
}]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3',
                         'OPTIONS': {'timeout': 30}}}
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
USE_TZ = True
";

const URLS: &str = "
import sys
from django.contrib import admin
from django.http import HttpResponse
from django.urls import path

urlpatterns = [
    path('admin/', admin.site.urls),
    path('', lambda request: HttpResponse('django on %d.%d' % sys.version_info[:2])),
]
";

const APP: &str = "
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
";

const VARIABLE: (&str, &str) = ("DJANGO_SETTINGS_MODULE", "settings");

pub(super) fn serve(emperor: &Emperor, python: &Python) -> Vassal {
    // The last that still serves 3.9, and one for 3.14.
    let version = if minor_of(python) < 10 {
        "4.2.23"
    } else {
        "5.2.8"
    };
    let place = with_packages(
        python,
        &Packages {
            name: "django",
            version,
        },
    );
    let app = emperor.vassal("django").app;
    write_python(&app.with_file_name("settings.py"), SETTINGS);
    write_python(&app.with_file_name("urls.py"), URLS);
    let directory = app.parent().expect("it has one");
    run_in(
        &place,
        directory,
        &["-m", "django", "migrate", "--verbosity", "0"],
        &[VARIABLE, ("PYTHONPATH", ".")],
    );
    run_in(
        &place,
        directory,
        &[
            "-m",
            "django",
            "createsuperuser",
            "--noinput",
            "--username",
            "root",
            "--email",
            "root@test.example",
        ],
        &[
            VARIABLE,
            ("PYTHONPATH", "."),
            ("DJANGO_SUPERUSER_PASSWORD", "very & secret"),
        ],
    );
    let (name, value) = VARIABLE;
    emperor.serve(
        "django",
        &format!(
            "virtualenv = \"{}\"\nthreads = 2\nenv = {{ {name} = {value:?} }}\n",
            place.display()
        ),
        APP,
    )
}

pub(super) fn check(emperor: &Emperor, vassal: &Vassal, python: &Python) {
    let mut client = Client::new(&emperor.address(vassal));
    assert_eq!(
        client.get("/").body,
        format!("django on {}", python.version)
    );
    let turned_away = client.get("/admin/");
    assert_eq!(
        (turned_away.status, turned_away.header("location")),
        (302, Some("/admin/login/?next=/admin/"))
    );

    let refused = client.log_in("wrong");
    assert!(
        refused.status == 200 && refused.body.contains("errornote"),
        "{refused:?}"
    );
    let forged = client.post(
        "/admin/login/",
        "username=root&password=x&csrfmiddlewaretoken=forged",
    );
    assert_eq!(forged.status, 403);

    let logged_in = client.log_in("very+%26+secret");
    assert_eq!(
        (logged_in.status, logged_in.header("location")),
        (302, Some("/admin/")),
        "{logged_in:?}"
    );
    let index = client.get("/admin/");
    assert_eq!(index.status, 200);
    for words in [
        "Site administration",
        "Authentication and Authorization",
        "<strong>root</strong>",
    ] {
        assert!(
            index.body.contains(words),
            "`{words}` is missing: {}",
            index.body
        );
    }
    let token = client.get("/admin/auth/group/add/");
    let token = token_in(&token.body);
    let added = client.post(
        "/admin/auth/group/add/",
        &format!("csrfmiddlewaretoken={token}&name=Gr%C3%BCn&_save=Save"),
    );
    assert_eq!(
        (added.status, added.header("location")),
        (302, Some("/admin/auth/group/")),
        "{added:?}"
    );
    let list = client.get("/admin/auth/group/");
    assert!(
        list.body.contains("Gr\u{fc}n") && list.body.contains("was added successfully"),
        "{}",
        list.body
    );
}

/// A client that keeps its cookies.
struct Client {
    connection: Connection,
    cookies: Vec<(String, String)>,
}

impl Client {
    fn new(address: &str) -> Self {
        Self {
            connection: connect(address).expect("it listens"),
            cookies: Vec::new(),
        }
    }

    fn get(&mut self, path: &str) -> Response {
        self.ask("GET", path, "")
    }

    fn post(&mut self, path: &str, form: &str) -> Response {
        self.ask("POST", path, form)
    }

    fn log_in(&mut self, password: &str) -> Response {
        let page = self.get("/admin/login/?next=/admin/");
        assert_eq!(page.status, 200);
        let token = token_in(&page.body);
        let form =
            format!("csrfmiddlewaretoken={token}&username=root&password={password}&next=/admin/");
        self.post("/admin/login/?next=/admin/", &form)
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            cookies.join("; "),
            body.len()
        );
        self.connection.send(request.as_bytes()).expect("it reads");
        let answer = self.connection.receive().expect("it answers");
        for (_, set) in answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
        {
            let (name, rest) = set.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer
    }
}

fn token_in(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"csrfmiddlewaretoken\" value=\"")
        .expect("a form with a token");
    rest.split('"').next().unwrap_or_default().to_owned()
}
