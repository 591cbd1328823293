#include "image/platform.h"

#include "base/str.h"

#include <string.h>
#include <sys/utsname.h>

/* The names that Go gives to architectures, which the image specification prescribes, for those of
 * the kernel and of distributions. */
static const char *go_architecture(const char *machine)
{
    static const struct {
        const char *machine, *name;
    } names[] = {
        {"x86_64", "amd64"},    {"aarch64", "arm64"},       {"i686", "386"},  {"i386", "386"},
        {"armv7l", "arm"},      {"armv6l", "arm"},          {"armhf", "arm"}, {"x86-64", "amd64"},
        {"ppc64le", "ppc64le"}, {"loongarch64", "loong64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(machine, names[i].machine) == 0)
            return names[i].name;
    return machine;
}

static bool is_platform_part(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(s[i] >= 'a' && s[i] <= 'z') && !(s[i] >= 'A' && s[i] <= 'Z') &&
            !(s[i] >= '0' && s[i] <= '9') && !strchr("_.-", s[i]))
            return false;
    return n > 0 && n <= 64;
}

int platform_parse(const char *text, json_t **ret, struct err *e)
{
    struct utsname host;
    const char *parts[3] = {NULL};
    size_t n = 0;
    _cleanup_free_ char *copy = strdup(text ? text : "linux");
    if (!copy || uname(&host) < 0)
        return err_nomem(e);
    char *save = copy;
    for (char *part; (part = strsep(&save, "/"));) {
        if (n == ARRAY_LEN(parts) || !is_platform_part(part, strlen(part)))
            return err_set(e, EINVAL,
                           "\"%s\" is an invalid platform: must be os/architecture/variant", text);
        parts[n++] = part;
    }
    if (n == 1 && strcmp(parts[0], "linux") != 0) {
        parts[1] = parts[0];
        parts[0] = "linux";
    }
    if (strcmp(parts[0], "linux") != 0)
        return err_set(e, EINVAL, "operating system \"%s\" is not supported: only linux is",
                       parts[0]);
    *ret = json_pack("{s:s, s:s, s:s*}", "architecture",
                     go_architecture(parts[1] ? parts[1] : host.machine), "os", parts[0], "variant",
                     parts[2]);
    return *ret ? 0 : err_nomem(e);
}

char *platform_text(const json_t *platform)
{
    const char *os = json_str(platform, "os"), *architecture = json_str(platform, "architecture");
    const char *variant = json_str(platform, "variant");
    return str_printf("%s/%s%s%s", os ? os : "unknown", architecture ? architecture : "unknown",
                      variant && *variant ? "/" : "", variant ? variant : "");
}

/* "v8" is what arm64 is when nothing is said, "v7" arm, "v1" amd64. 0: there are no variants. */
static int variant_number(const char *architecture, const char *variant)
{
    static const struct {
        const char *architecture;
        int usual;
    } known[] = {{"arm64", 8}, {"arm", 7}, {"amd64", 1}};
    long long n;
    if (variant && *variant)
        return str_to_int64(variant + (*variant == 'v'), 1, 99, &n) == 0 ? (int)n : -1;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(architecture, known[i].architecture))
            return known[i].usual;
    return 0;
}

/* How far @offered is from what is @wanted: 0 is the very one, -1 does not run there. */
static int distance(const json_t *offered, const json_t *wanted)
{
    const char *have = json_str(offered, "architecture"), *want = json_str(wanted, "architecture");
    int has = variant_number(have, json_str(offered, "variant"));
    int wants = variant_number(want, json_str(wanted, "variant"));
    if (!str_eq(json_str(offered, "os"), json_str(wanted, "os")) || has < 0 || wants < 0)
        return -1;
    if (str_eq(have, want))
        return has <= wants ? wants - has : -1;
    if (str_eq(want, "amd64") && str_eq(have, "386"))
        return 100;
    if (str_eq(want, "arm64") && str_eq(have, "arm") && has <= 8)
        return 100 + 8 - has;
    return -1;
}

json_t *platform_choose(const json_t *manifests, const json_t *wanted)
{
    size_t i;
    json_t *entry, *best = NULL;
    int nearest = -1;
    json_array_foreach (manifests, i, entry) {
        int far = distance(json_object_get(entry, "platform"), wanted);
        if (far >= 0 && (!best || far < nearest)) {
            best = entry;
            nearest = far;
        }
    }
    return best;
}

bool platform_is(const json_t *offered, const json_t *wanted)
{
    return distance(offered, wanted) == 0;
}

bool platform_serves(const json_t *offered, const json_t *wanted)
{
    return distance(offered, wanted) >= 0;
}
