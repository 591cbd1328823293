#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/registries.h"

#include "base/json.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *folder;
static int dir = -EBADF;

static void put(const char *path, const char *text)
{
    _cleanup_err_ struct err e = ERR_INIT;
    _cleanup_free_ char *parent = strdup(path);
    char *slash = strrchr(parent, '/');
    if (slash) {
        *slash = '\0';
        if (dir_make(dir, parent, 0700, &e) < 0)
            fail_msg("%s", err_text(&e));
    }
    if (file_replace(dir, path, text, strlen(text), 0600, 0, &e) < 0)
        fail_msg("%s", err_text(&e));
}

static int begin(void **state)
{
    char template[] = "/tmp/skiff-registries-XXXXXX";
    folder = strdup(mkdtemp(template) ? template : "");
    dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0;
}

static int end(void **state)
{
    fd_close(&dir);
    int r = dir_remove(AT_FDCWD, folder, NULL);
    free(folder);
    return r;
}

static int read_all(struct registries **ret, struct err *e)
{
    _cleanup_registry_places_ struct registry_places places = {0};
    places.conf = str_printf("%s/registries.conf", folder);
    places.daemon = str_printf("%s/daemon.json", folder);
    strv_addf(&places.conf_parts, "%s/registries.conf.d", folder);
    strv_addf(&places.certificates, "%s/certs.d", folder);
    strv_addf(&places.certificates, "%s/more.d", folder);
    return registries_read(&places, ret, e);
}

static struct registries *configured(void)
{
    struct registries *r = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (read_all(&r, &e) < 0)
        fail_msg("%s", err_text(&e));
    return r;
}

static void wrong(const char *story)
{
    struct registries *r = NULL;
    _cleanup_err_ struct err e = ERR_INIT;
    if (read_all(&r, &e) == 0)
        fail_msg("taken instead of \"%s\"", story);
    if (!strstr(err_text(&e), story))
        fail_msg("\"%s\" instead of \"%s\"", err_text(&e), story);
    assert_null(r);
}

/* The names that @text may mean, with spaces between. */
static void names_are(const struct registries *r, const char *text, const char *want,
                      const char *why)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_free_ char *got_why = NULL;
    _cleanup_str_ struct str got = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (registries_names(r, text, &names, &got_why, &e) < 0)
        fail_msg("\"%s\": %s", text, err_text(&e));
    for (size_t i = 0; i < names.n; i++)
        str_addf(&got, "%s%s", i ? " " : "", names.v[i]);
    assert_string_equal(got.s, want);
    if (!why)
        assert_null(got_why);
    else if (!got_why || !strstr(got_why, why))
        fail_msg("\"%s\" instead of \"%s\"", got_why ? got_why : "nothing", why);
}

/* The endpoints: "s" for HTTPS, "p" for plain, "a" for any certificate, "m" for a mirror, a colon,
 * host/path. */
static void print(const struct endpoint_list *l, struct str *out)
{
    static const char letters[] = "spam";
    for (size_t i = 0; i < l->n; i++) {
        str_add(out, i ? " " : "");
        for (unsigned bit = 0; bit < 4; bit++)
            if (l->v[i].flags & 1U << bit)
                str_addn(out, &letters[bit], 1);
        str_addf(out, ":%s/%s", l->v[i].host, l->v[i].path);
    }
}

static void asked_are(const struct registries *r, const char *name, const char *want)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_endpoints_ struct endpoint_list l = {0};
    _cleanup_str_ struct str got = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    if (reference_parse(name, &ref, &e) < 0 || registries_pull_from(r, &ref, &l, &e) < 0)
        fail_msg("\"%s\": %s", name, err_text(&e));
    print(&l, &got);
    assert_string_equal(got.s, want);
}

static void pushed_to(const struct registries *r, const char *name, const char *want)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_endpoints_ struct endpoint_list l = {0};
    _cleanup_str_ struct str got = {0};
    assert_int_equal(reference_parse(name, &ref, NULL), 0);
    assert_int_equal(registries_push_to(r, &ref, &l, NULL), 0);
    print(&l, &got);
    assert_string_equal(got.s, want);
}

static void test_nothing(void **state)
{
    _cleanup_registries_ struct registries *r = configured();
    names_are(r, "rust", "docker.io/library/rust:latest", NULL);
    names_are(r, "a/b:1", "docker.io/a/b:1", NULL);
    names_are(r, "ghcr.io/a/b@" DIGEST, "ghcr.io/a/b@" DIGEST, NULL);
    asked_are(r, "rust", "s:registry-1.docker.io/library/rust");
    asked_are(r, "quay.io/a/b", "s:quay.io/a/b");
    asked_are(r, "localhost:5000/a", "spa:localhost:5000/a");
    asked_are(r, "localhost/a", "spa:localhost/a");
    asked_are(r, "127.1.2.3:80/a", "spa:127.1.2.3:80/a");
    asked_are(r, "[::1]:5000/a", "spa:[::1]:5000/a");
    asked_are(r, "[::2]:5000/a", "s:[::2]:5000/a");
    asked_are(r, "128.0.0.1:5000/a", "s:128.0.0.1:5000/a");
    asked_are(r, "localhost.example:5000/a", "s:localhost.example:5000/a");
    asked_are(r, "127.0.0.1.example:5000/a", "s:127.0.0.1.example:5000/a");
}

static void test_short_names(void **state)
{
    put("registries.conf", "[aliases]\n'tool' = 'quay.io/x/tool'\n'a/b' = 'localhost:5000/b'\n"
                           "'gone' = 'quay.io/gone'");
    put("registries.conf.d/10.conf", "[aliases]\ngone = ''\ntool = 'ghcr.io/y/tool'");
    put("registries.conf.d/20.disabled", "not TOML");
    {
        _cleanup_registries_ struct registries *r = configured();
        names_are(r, "tool", "ghcr.io/y/tool:latest", "registries.conf.d/10.conf");
        names_are(r, "tool:1@" DIGEST, "ghcr.io/y/tool:1@" DIGEST, "alias");
        names_are(r, "a/b", "localhost:5000/b:latest", "registries.conf");
        names_are(r, "docker.io/tool", "docker.io/library/tool:latest", NULL);
        names_are(r, "index.docker.io/tool", "docker.io/library/tool:latest", NULL);
        names_are(r, "gone", "docker.io/library/gone:latest", NULL);
        names_are(r, "rust", "docker.io/library/rust:latest", NULL);
    }
    put("registries.conf.d/30.conf", "unqualified-search-registries = ['q.io', 'docker.io']");
    {
        _cleanup_registries_ struct registries *r = configured();
        names_are(r, "rust:1", "q.io/rust:1 docker.io/library/rust:1", "30.conf");
        names_are(r, "a/c", "q.io/a/c:latest docker.io/a/c:latest", "30.conf");
        names_are(r, "tool", "ghcr.io/y/tool:latest", "alias");
        names_are(r, "q.io/rust", "q.io/rust:latest", NULL);
    }
    put("registries.conf.d/40.conf", "short-name-mode = 'enforcing'");
    {
        _cleanup_registries_ struct registries *r = configured();
        _cleanup_strv_ struct strv names = {0};
        _cleanup_err_ struct err e = ERR_INIT;
        assert_int_equal(registries_names(r, "rust", &names, NULL, &e), -EINVAL);
        assert_non_null(strstr(err_text(&e), "30.conf"));
        names_are(r, "tool", "ghcr.io/y/tool:latest", "alias");
    }
}

static void test_rules(void **state)
{
    put("registries.conf",
        "[[registry]]\nprefix = 'ex.com/foo'\nlocation = 'in.net/bar/'\n"
        "[[registry.mirror]]\nlocation = 'm0.net/x'\n"
        "[[registry.mirror]]\nlocation = 'm1.net'\ninsecure = true\n"
        "[[registry]]\nlocation = 'ex.com/foo/special'\ninsecure = true\n"
        "[[registry]]\nlocation = 'bad.com'\nblocked = true\n"
        "[[registry]]\nprefix = '*.sub.org'\n[[registry.mirror]]\nlocation = 'm.net/all'\n"
        "[[registry]]\nprefix = 'one.sub.org'\nlocation = 'elsewhere.org'\n"
        "[[registry]]\nprefix = 'tag.com/a:1'\nlocation = 'one.com/b'\n");
    _cleanup_registries_ struct registries *r = configured();
    asked_are(r, "ex.com/foo/img", "sm:m0.net/x/img spam:m1.net/img s:in.net/bar/img");
    asked_are(r, "ex.com/foobar/img", "s:ex.com/foobar/img");
    asked_are(r, "ex.com/foo/special/img", "spa:ex.com/foo/special/img");
    asked_are(r, "ex.com:80/foo/img", "s:ex.com:80/foo/img");
    asked_are(r, "a.b.sub.org/i", "sm:m.net/all/i s:a.b.sub.org/i");
    asked_are(r, "one.sub.org/i", "s:elsewhere.org/i");
    asked_are(r, "sub.org/i", "s:sub.org/i");
    asked_are(r, "xsub.org/i", "s:xsub.org/i");
    asked_are(r, "tag.com/a:1", "s:one.com/b");
    asked_are(r, "tag.com/a:12", "s:tag.com/a");
    pushed_to(r, "ex.com/foo/img", "s:ex.com/foo/img");
    pushed_to(r, "ex.com/foo/special", "spa:ex.com/foo/special");

    _cleanup_reference_ struct reference ref = {0};
    struct endpoint_list l = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(reference_parse("bad.com/a", &ref, NULL), 0);
    assert_int_equal(registries_pull_from(r, &ref, &l, &e), -EACCES);
    assert_non_null(strstr(err_text(&e), "\"bad.com/a\" is blocked by"));
    assert_non_null(strstr(err_text(&e), "registries.conf\""));
    assert_int_equal(registries_push_to(r, &ref, &l, &e), -EACCES);
    assert_null(l.v);
    /* "m1.net" is no repository. */
    _cleanup_reference_ struct reference whole = {0};
    assert_int_equal(reference_parse("ex.com/foo", &whole, NULL), 0);
    assert_int_equal(registries_pull_from(r, &whole, &l, &e), -EINVAL);
    assert_non_null(strstr(err_text(&e), "\"m1.net\" is not the name of a repository"));
}

static void test_login(void **state)
{
    put("registries.conf", "[[registry]]\nlocation = 'a.com'\ninsecure = true\n"
                           "[[registry]]\nlocation = 'bad.com'\nblocked = true\n"
                           "[[registry]]\nlocation = 'b.com/x'\ninsecure = true\n");
    _cleanup_registries_ struct registries *r = configured();
    static const char *const cases[][2] = {
        {"a.com", "spa:a.com/"}, {"b.com", "s:b.com/"}, {"docker.io", "s:registry-1.docker.io/"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_endpoints_ struct endpoint_list l = {0};
        _cleanup_str_ struct str got = {0};
        assert_int_equal(registries_login_to(r, cases[i][0], &l, NULL), 0);
        print(&l, &got);
        assert_string_equal(got.s, cases[i][1]);
    }
    struct endpoint_list l = {0};
    assert_int_equal(registries_login_to(r, "bad.com", &l, NULL), -EACCES);
}

static void test_digest_mirrors(void **state)
{
    put("registries.conf", "[[registry]]\nlocation = 'a.com'\nmirror-by-digest-only = true\n"
                           "mirror = [{location = 'm.com'}]\n"
                           "[[registry]]\nlocation = 'b.com'\n"
                           "[[registry.mirror]]\nlocation='t.com'\npull-from-mirror='tag-only'\n"
                           "[[registry.mirror]]\nlocation='d.com'\npull-from-mirror='digest-only'\n"
                           "[[registry.mirror]]\nlocation='x.com'\npull-from-mirror='all'\n");
    _cleanup_registries_ struct registries *r = configured();
    asked_are(r, "a.com/i:1", "s:a.com/i");
    asked_are(r, "a.com/i@" DIGEST, "sm:m.com/i s:a.com/i");
    asked_are(r, "b.com/i:1", "sm:t.com/i sm:x.com/i s:b.com/i");
    asked_are(r, "b.com/i:1@" DIGEST, "sm:d.com/i sm:x.com/i s:b.com/i");
}

static void test_later_files(void **state)
{
    put("registries.conf", "[[registry]]\nlocation = 'a.com'\nblocked = true\n");
    put("registries.conf.d/z.conf", "[[registry]]\nlocation = 'a.com'\ninsecure = true\n");
    _cleanup_registries_ struct registries *r = configured();
    asked_are(r, "a.com/i", "spa:a.com/i");
}

static void test_version_1(void **state)
{
    put("registries.conf", "[registries.search]\nregistries = ['q.io']\n"
                           "[registries.insecure]\nregistries = ['i.io:5000']\n"
                           "[registries.block]\nregistries = ['b.io']\n");
    _cleanup_registries_ struct registries *r = configured();
    _cleanup_reference_ struct reference ref = {0};
    struct endpoint_list l = {0};
    names_are(r, "rust", "q.io/rust:latest", "registries.conf");
    asked_are(r, "i.io:5000/a", "spa:i.io:5000/a");
    assert_int_equal(reference_parse("b.io/a", &ref, NULL), 0);
    assert_int_equal(registries_pull_from(r, &ref, &l, NULL), -EACCES);
}

static void test_daemon(void **state)
{
    put("daemon.json", "{\"registry-mirrors\":[\"https://m.cn/\",\"http://p.cn:5000\"],"
                       "\"insecure-registries\":[\"i.io:5000\",\"10.0.0.0/8\",\"fd00::/8\","
                       "\"http://j.io\"],\"log-level\":\"debug\"}");
    put("registries.conf", "[[registry]]\nlocation = 'docker.io/mine'\n"
                           "mirror = [{location = 'own.com/hub'}]\n"
                           "[[registry]]\nprefix = 'docker.io/moved'\nlocation = 'other.com'\n");
    _cleanup_registries_ struct registries *r = configured();
    asked_are(r, "rust",
              "sm:m.cn/library/rust pm:p.cn:5000/library/rust s:registry-1.docker.io/library/rust");
    asked_are(r, "mine/a",
              "sm:own.com/hub/a sm:m.cn/mine/a pm:p.cn:5000/mine/a "
              "s:registry-1.docker.io/mine/a");
    asked_are(r, "moved/a", "s:other.com/a");
    asked_are(r, "quay.io/a", "s:quay.io/a");
    asked_are(r, "i.io:5000/a", "spa:i.io:5000/a");
    asked_are(r, "i.io/a", "s:i.io/a");
    asked_are(r, "j.io/a", "spa:j.io/a");
    asked_are(r, "10.1.2.3:80/a", "spa:10.1.2.3:80/a");
    asked_are(r, "11.1.2.3:80/a", "s:11.1.2.3:80/a");
    asked_are(r, "[fd12::1]:80/a", "spa:[fd12::1]:80/a");
    asked_are(r, "[fe12::1]:80/a", "s:[fe12::1]:80/a");
    pushed_to(r, "rust", "s:registry-1.docker.io/library/rust");
}

static void test_certificates(void **state)
{
    put("certs.d/localhost:5000/b.crt", "B");
    put("certs.d/localhost:5000/a.crt", "A");
    put("certs.d/localhost:5000/me.cert", "CERT");
    put("certs.d/localhost:5000/me.key", "KEY");
    put("certs.d/localhost:5000/notes", "?");
    put("more.d/localhost:5000/c.crt", "C");
    put("certs.d/docker.io/hub.crt", "HUB");
    _cleanup_registries_ struct registries *r = configured();
    _cleanup_reference_ struct reference ref = {0}, hub = {0};
    _cleanup_endpoints_ struct endpoint_list l = {0}, of_hub = {0};
    _cleanup_err_ struct err e = ERR_INIT;
    assert_int_equal(reference_parse("localhost:5000/a", &ref, NULL), 0);
    if (registries_pull_from(r, &ref, &l, &e) < 0)
        fail_msg("%s", err_text(&e));
    assert_string_equal(l.v[0].certificates.authorities, "A\nB\nC\n");
    assert_string_equal(l.v[0].certificates.client, "CERT");
    assert_string_equal(l.v[0].certificates.key, "KEY");
    assert_int_equal(l.v[0].flags, ENDPOINT_HTTPS); /* whoever gives an authority wants it used */
    assert_int_equal(reference_parse("rust", &hub, NULL), 0);
    assert_int_equal(registries_pull_from(r, &hub, &of_hub, NULL), 0);
    assert_string_equal(of_hub.v[0].certificates.authorities, "HUB\n");
    assert_string_equal(of_hub.v[0].registry, "docker.io");

    put("certs.d/half:1/x.cert", "CERT");
    struct certificates c = {0};
    _cleanup_free_ char *certs = str_printf("%s/certs.d", folder);
    const char *const folders[] = {certs, NULL};
    assert_int_equal(certificates_read(folders, "half:1", &c, &e), -EINVAL);
    assert_non_null(strstr(err_text(&e), "has no \"x.key\""));
    assert_null(c.client);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *text, *story;
    } cases[] = {
        {"a = ", "registries.conf\" is not valid TOML: line 1"},
        {"registry = 1", "\"registry\" is not a list"},
        {"[[registry]]", "neither \"prefix\" nor \"location\""},
        {"[[registry]]\nprefix='a.com'", "has no \"location\""},
        {"[[registry]]\nlocation='https://a.com'", "is no location"},
        {"[[registry]]\nlocation='a.com/../b'", "is no location"},
        {"[[registry]]\nlocation='a.com/B'", "is no location"},
        {"[[registry]]\nlocation='*.a.com'", "is no location"},
        {"[[registry]]\nprefix='a.*.com'\nlocation='x'", "is no prefix"},
        {"[[registry]]\nprefix='*.a.com/x'", "is no prefix"},
        {"[[registry]]\nlocation=1", "is not a string"},
        {"[[registry]]\nlocation='a.com'\ninsecure='yes'", "neither true nor false"},
        {"[[registry]]\nlocation='a.com'\nmirror=[{}]", "a mirror has no \"location\""},
        {"[[registry]]\nlocation='a.com'\nmirror=[{location='b.com',pull-from-mirror='x'}]",
         "all, digest-only or tag-only"},
        {"[[registry]]\nlocation='a.com'\nmirror-by-digest-only=true\n"
         "mirror=[{location='b.com',pull-from-mirror='all'}]",
         "exclude each other"},
        {"unqualified-search-registries = 'a'", "is not a list"},
        {"unqualified-search-registries = [1]", "is no registry to be searched"},
        {"unqualified-search-registries = ['a/../b']", "is no registry to be searched"},
        {"short-name-mode = 'x'", "enforcing, permissive or disabled"},
        {"[aliases]\na = 'b'", "is not for a whole name"},
        {"[aliases]\na = 'b.com/c:1'", "is not for a whole name"},
        {"[registries.search]\n[[registry]]\nlocation='a.com'", "mixes versions"},
        {"[registries.block]\nregistries=['a b']", "is no location"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put("registries.conf", cases[i].text);
        wrong(cases[i].story);
    }
    put("registries.conf", "");
    static const struct {
        const char *text, *story;
    } daemons[] = {
        {"{", "daemon.json\" is not valid JSON"},
        {"[]", "is not a JSON object"},
        {"{\"registry-mirrors\":\"x\"}", "is not a list"},
        {"{\"registry-mirrors\":[1]}", "not a list of strings"},
        {"{\"registry-mirrors\":[\"ftp://a.com\"]}", "is not \"https://HOST"},
        {"{\"registry-mirrors\":[\"https://a.com/x\"]}", "is not \"https://HOST"},
        {"{\"registry-mirrors\":[\"https://u:p@a.com\"]}", "is not \"https://HOST"},
        {"{\"insecure-registries\":[\"a b\"]}", "neither HOST"},
        {"{\"insecure-registries\":[\"a.com/x\"]}", "neither HOST"},
    };
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
        put("daemon.json", daemons[i].text);
        wrong(daemons[i].story);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_short_names, begin, end),
        cmocka_unit_test_setup_teardown(test_rules, begin, end),
        cmocka_unit_test_setup_teardown(test_login, begin, end),
        cmocka_unit_test_setup_teardown(test_digest_mirrors, begin, end),
        cmocka_unit_test_setup_teardown(test_later_files, begin, end),
        cmocka_unit_test_setup_teardown(test_version_1, begin, end),
        cmocka_unit_test_setup_teardown(test_daemon, begin, end),
        cmocka_unit_test_setup_teardown(test_certificates, begin, end),
        cmocka_unit_test_setup_teardown(test_wrong, begin, end),
    };
    json_setup();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
