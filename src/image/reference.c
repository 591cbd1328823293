#include "image/reference.h"

#include "base/str.h"

#include <string.h>

#define DEFAULT_DOMAIN "docker.io"
#define DEFAULT_PREFIX "library/"
#define DEFAULT_TAG    "latest"

enum { TAG_MAX_LEN = 128, TEXT_MAX_LEN = 512 };

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || is_upper(c);
}

bool hex_is_valid(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
    return n > 0;
}

bool digest_is_valid(const char *text)
{
    const char *hex = text ? str_after(text, "sha256:") : NULL;
    return hex && strlen(hex) == DIGEST_HEX_LEN && hex_is_valid(hex, DIGEST_HEX_LEN);
}

/* Between two runs of letters and digits: one '.', one or two '_', any number of '-'. Returns its
 * length, 0 when there is no separator. */
static size_t separator_len(const char *s, size_t n)
{
    if (n == 0)
        return 0;
    if (s[0] == '.')
        return 1;
    if (s[0] == '_')
        return n > 1 && s[1] == '_' ? 2 : 1;
    size_t i = 0;
    while (i < n && s[i] == '-')
        i++;
    return i;
}

static bool component_is_valid(const char *s, size_t n)
{
    size_t i = 0;
    for (;;) {
        size_t start = i;
        while (i < n && is_lower_alnum(s[i]))
            i++;
        if (i == start)
            return false;
        if (i == n)
            return true;
        size_t sep = separator_len(s + i, n - i);
        if (sep == 0)
            return false;
        i += sep;
    }
}

bool reference_path_is_valid(const char *path)
{
    for (;;) {
        size_t n = strcspn(path, "/");
        if (!component_is_valid(path, n))
            return false;
        if (!path[n])
            return true;
        path += n + 1;
    }
}

static bool label_is_valid(const char *s, size_t n)
{
    if (n == 0 || !is_alnum(s[0]) || !is_alnum(s[n - 1]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool ipv6_is_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s[i]) && s[i] != ':' && !(s[i] >= 'a' && s[i] <= 'f') &&
            !(s[i] >= 'A' && s[i] <= 'F'))
            return false;
    return n > 0;
}

static bool port_is_valid(const char *s)
{
    if (!*s)
        return true;
    return *s == ':' && s[1] && strspn(s + 1, "0123456789") == strlen(s + 1);
}

bool reference_domain_is_valid(const char *domain)
{
    if (domain[0] == '[') {
        const char *end = strchr(domain, ']');
        return end && ipv6_is_valid(domain + 1, (size_t)(end - domain) - 1) &&
               port_is_valid(end + 1);
    }
    for (;;) {
        size_t n = strcspn(domain, ".:");
        if (!label_is_valid(domain, n))
            return false;
        domain += n;
        if (*domain != '.')
            return port_is_valid(domain);
        domain++;
    }
}

static bool tag_is_valid(const char *tag)
{
    size_t n = strlen(tag);
    if (n == 0 || n > TAG_MAX_LEN || tag[0] == '.' || tag[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(tag[i]) && tag[i] != '_' && tag[i] != '.' && tag[i] != '-')
            return false;
    return true;
}

static bool has_upper(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_upper(s[i]))
            return true;
    return false;
}

/* The first part is a host when it cannot be a part of a Docker Hub name. */
static bool begins_with_domain(const char *name, size_t first)
{
    return name[first] == '/' &&
           (memchr(name, '.', first) || memchr(name, ':', first) || has_upper(name, first) ||
            (first == 9 && memcmp(name, "localhost", 9) == 0));
}

static int split_name(const char *name, struct reference *r, struct err *e)
{
    size_t first = strcspn(name, "/");
    const char *path = name;
    if (begins_with_domain(name, first)) {
        path = name + first + 1;
        r->domain = strndup(name, first);
        if (r->domain && strcmp(r->domain, "index." DEFAULT_DOMAIN) == 0) {
            free(r->domain);
            r->domain = strdup(DEFAULT_DOMAIN);
        }
    } else {
        r->domain = strdup(DEFAULT_DOMAIN);
    }
    if (!r->domain)
        return err_nomem(e);
    bool short_hub = strcmp(r->domain, DEFAULT_DOMAIN) == 0 && !strchr(path, '/');
    r->path = str_printf("%s%s", short_hub ? DEFAULT_PREFIX : "", path);
    return r->path ? 0 : err_nomem(e);
}

static int check_name(const struct reference *r, const char *text, struct err *e)
{
    if (has_upper(r->path, strlen(r->path)))
        return err_set(e, EINVAL,
                       "invalid reference format: repository name (%s) must be lowercase", r->path);
    if (!reference_domain_is_valid(r->domain) || !reference_path_is_valid(r->path))
        return err_set(e, EINVAL, "invalid reference format: \"%s\"", text);
    if (strlen(r->domain) + 1 + strlen(r->path) > REFERENCE_NAME_MAX)
        return err_set(e, EINVAL,
                       "invalid reference format: repository name must not be more than %d "
                       "characters",
                       REFERENCE_NAME_MAX);
    const char *hub_name = str_after(r->path, DEFAULT_PREFIX);
    if (hub_name && strcmp(r->domain, DEFAULT_DOMAIN) == 0 && strlen(hub_name) == DIGEST_HEX_LEN &&
        hex_is_valid(hub_name, DIGEST_HEX_LEN))
        return err_set(e, EINVAL,
                       "invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
                       hub_name);
    return 0;
}

/* What is printable of a text that is none of ours: its length is bounded, odd bytes are shown. */
static char *shown(const char *text)
{
    struct str b = {0};
    for (size_t i = 0; text[i] && i < TEXT_MAX_LEN; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c >= 0x7f)
            str_addf(&b, "\\x%02x", c);
        else
            str_addn(&b, &text[i], 1);
    }
    return str_steal(&b);
}

static int parse(char *name, const char *text, struct reference *r, struct err *e)
{
    char *at = strchr(name, '@');
    if (at) {
        *at = '\0';
        if (!digest_is_valid(at + 1))
            return err_set(e, EINVAL, "invalid reference format: \"%s\" has no valid digest", text);
        r->digest = strdup(at + 1);
        if (!r->digest)
            return err_nomem(e);
    }
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash ? slash : name, ':');
    if (colon) {
        *colon = '\0';
        if (!tag_is_valid(colon + 1))
            return err_set(e, EINVAL, "invalid reference format: \"%s\" has no valid tag", text);
    }
    if (colon || !at) {
        r->tag = strdup(colon ? colon + 1 : DEFAULT_TAG);
        if (!r->tag)
            return err_nomem(e);
    }
    int res = split_name(name, r, e);
    return res < 0 ? res : check_name(r, text, e);
}

int reference_parse(const char *text, struct reference *ret, struct err *e)
{
    _cleanup_reference_ struct reference r = {0};
    _cleanup_free_ char *printable = shown(text);
    if (!printable)
        return err_nomem(e);
    if (strlen(text) > TEXT_MAX_LEN)
        return err_set(e, EINVAL, "invalid reference format: longer than %d characters",
                       TEXT_MAX_LEN);
    _cleanup_free_ char *name = strdup(text);
    if (!name)
        return err_nomem(e);
    int res = parse(name, printable, &r, e);
    if (res < 0)
        return res;
    *ret = TAKE(r, (struct reference){0});
    return 0;
}

bool reference_is_full(const char *text)
{
    char name[TEXT_MAX_LEN + 1];
    size_t n = strlen(text);
    if (n > TEXT_MAX_LEN)
        return false;
    memcpy(name, text, n + 1);
    char *at = strchr(name, '@'), *first = strchr(name, '/');
    if (at)
        *at = '\0';
    if ((at && !digest_is_valid(at + 1)) || !first || (at && first > at) ||
        !begins_with_domain(name, (size_t)(first - name)))
        return false;
    char *colon = strchr(strrchr(name, '/'), ':');
    if (colon)
        *colon = '\0';
    if ((colon && !tag_is_valid(colon + 1)) || (!colon && !at))
        return false;
    *first = '\0';
    const struct reference r = {.domain = name, .path = first + 1};
    bool hub = strcmp(name, DEFAULT_DOMAIN) == 0;
    return (!hub || strchr(r.path, '/')) && strcmp(name, "index." DEFAULT_DOMAIN) != 0 &&
           check_name(&r, "", NULL) == 0;
}

void reference_release(struct reference *r)
{
    free(r->domain);
    free(r->path);
    free(r->tag);
    free(r->digest);
    *r = (struct reference){0};
}

char *reference_repository(const struct reference *r)
{
    return str_printf("%s/%s", r->domain, r->path);
}

char *reference_full(const struct reference *r)
{
    struct str b = {0};
    str_addf(&b, "%s/%s", r->domain, r->path);
    if (r->tag)
        str_addf(&b, ":%s", r->tag);
    if (r->digest)
        str_addf(&b, "@%s", r->digest);
    return str_steal(&b);
}

bool reference_is_name_only(const char *text)
{
    const char *slash = strrchr(text, '/'); /* a colon before it is a port's */
    return strpbrk(slash ? slash : text, ":@") == NULL;
}

const char *reference_short(const char *full)
{
    const char *path = str_after(full, DEFAULT_DOMAIN "/");
    if (!path)
        return full;
    const char *name = str_after(path, DEFAULT_PREFIX);
    /* "docker.io/library/a/b" without its first two parts would be another image. */
    return name && !strchr(name, '/') ? name : path;
}

bool reference_has_digest(const char *full)
{
    return strchr(full, '@') != NULL;
}

const char *reference_suffix(const char *full)
{
    return strchr(full, '@') ? strchr(full, '@') + 1 : strrchr(full, ':') + 1;
}

int reference_claim(const char *text, char **ret, struct err *e)
{
    _cleanup_reference_ struct reference ref = {0};
    int r = reference_parse(text, &ref, e);
    if (r < 0)
        return r;
    if (ref.digest)
        return err_set(e, EINVAL, "cannot name an image \"%s\": a name cannot have a digest", text);
    char *full = reference_full(&ref);
    if (!full)
        return err_nomem(e);
    if (str_eq(reference_short(full), IMAGE_HOST ":latest")) {
        free(full);
        return err_set(e, EINVAL, "cannot name an image \"%s\": it is the built-in image", text);
    }
    *ret = full;
    return 0;
}
