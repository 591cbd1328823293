/*
 * Which images may come onto this machine: containers-policy.json(5).
 *
 * A list of requirements for each scope (a name, a repository, a registry, everything), all of
 * which an image has to meet. Here the file is read, checked, and the list for an image found in
 * it; what signatures must say is signed_identity.h, and that they do, signatures.h.
 *
 * An administrator's file that decides about safety: an unknown or doubled key, a value of another
 * kind, an empty list are errors that name the file. A requirement that is not known here is none
 * (others may know it), but the images that it is for are refused.
 */
#ifndef SKIFF_IMAGE_POLICY_H
#define SKIFF_IMAGE_POLICY_H

#include "base/json.h"

struct policy;

/* That of this machine: ~/.config/containers/policy.json if it is there, else
 * /etc/containers/policy.json. With neither of them *ret is NULL: everything is accepted, as Docker
 * does. */
int policy_read(struct policy **ret, struct err *e);

/* The text of one; @path is for messages. -EINVAL. */
int policy_parse(const char *text, size_t n, const char *path, struct policy **ret, struct err *e);
void policy_free(struct policy *p);
static inline void policy_freep(struct policy **p)
{
    policy_free(*p);
}
#define _cleanup_policy_ _cleanup_(policy_freep)

/* What the policy says about an image; everything belongs to the policy. */
struct policy_rule {
    const char *file;
    const char *scope;     /* "docker.io/library", "" for a transport's own list, "default" */
    const char *transport; /* NULL for that default */
    json_t *requirements;  /* NULL: there is no policy */
};

/* The list for the image @identity from @transport: "docker.io/library/rust:latest" or
 * "docker.io/library/rust@sha256:…" of "docker" (registries) and "docker-daemon"; the absolute
 * "/a/b:tag" of "oci", "/a/b" of "dir" and "oci-archive"; "" of what has no names, such as
 * "docker-archive". That of the longest scope which covers it is taken, and no other. @p may be
 * NULL. */
int policy_find(const struct policy *p, const char *transport, const char *identity,
                struct policy_rule *ret, struct err *e);

/* Refuses with -EPERM what no signature can help: "reject", and requirements that are not known
 * here. Others are left to signatures_check. @identity is for the words. */
int policy_admit(const struct policy_rule *rule, const char *identity, struct err *e);

/* All of that for an image that no signature can come with, for it is from no registry: -EPERM also
 * when one is asked for. @p may be NULL. */
int policy_admit_unsigned(const struct policy *p, const char *transport, const char *identity,
                          struct err *e);

/* "for \"docker.io/library\"", "by default": where in the file; the caller's. NULL: out of memory.
 */
char *policy_scope_words(const struct policy_rule *rule);

#endif
