-- What a control plane keeps, so that the database itself forbids what the policy forbids (HOST-2):
-- an organization has one default, a role is held by a live backend of the same organization, nobody is
-- on the chain twice, names are unique among the living, and an id is never used again.

create table organization (
    id              text primary key,
    revision        bigint not null check (revision between 1 and 9007199254740991),
    policy          json not null,
    route           text,
    default_backend text,
    -- Always true: a role refers to a backend together with its being alive.
    role_is_live    boolean not null default true check (role_is_live)
);

create table backend (
    organization   text not null references organization,
    id             text not null,
    -- A deleted backend stays, so that its id stays taken and its credentials can be found.
    live           boolean not null default true,
    name           text not null,
    kind           text not null check (kind in ('external', 'inline', 'managed')),
    provider       text not null,
    location       text not null,
    description    text not null,
    max_blob_bytes bigint not null check (max_blob_bytes between 0 and 9007199254740991),
    mode           text not null check (mode in ('drain', 'maintenance', 'ready')),
    generation     bigint not null check (generation >= 1),
    health         json not null,
    constraint backend_id_taken primary key (organization, id),
    constraint backend_live unique (organization, id, live)
);

create unique index backend_name_taken on backend (organization, name) where live;
create unique index backend_one_of_a_kind on backend (organization, kind) where live and kind <> 'external';

create table fallback (
    organization text not null references organization,
    place        integer not null check (place between 1 and 16),
    backend      text not null,
    role_is_live boolean not null default true check (role_is_live),
    primary key (organization, place),
    unique (organization, backend),
    foreign key (organization, backend, role_is_live) references backend (organization, id, live)
        deferrable initially deferred
);

alter table organization
    add foreign key (id, default_backend, role_is_live) references backend (organization, id, live)
        deferrable initially deferred;

create table event (
    organization text not null references organization,
    revision     bigint not null,
    ordinal      integer not null,
    at           bigint not null,
    actor        text not null,
    kind         json not null,
    primary key (organization, revision, ordinal)
);
