# Fill an empty Request Tracker: our user with the rights the how-to page names and no more, a person, their tokens.
use strict; use warnings;
use lib '/usr/share/request-tracker5/lib';
use RT -init;

sub must { my ($ok, @said) = @_; die "@said" unless $ok; return $ok }

my $su = RT->SystemUser;
my %token;
for my $name (qw(aiops kim)) {
    my $user = RT::User->new($su);
    must($user->Create(Name => $name, Privileged => 1, EmailAddress => "$name\@tests.example"));
    my @rights = $name eq 'kim' ? ('SuperUser') : qw(
        SeeQueue ShowTicket ShowTicketComments CreateTicket CommentOnTicket ModifyTicket OwnTicket
        SeeCustomField ModifyCustomField SetInitialCustomField);
    must($user->PrincipalObj->GrantRight(Right => $_, Object => RT->System)) for @rights;
    my ($ok, $said, $secret) = RT::AuthToken->new($su)->Create(Owner => $user->Id, Description => 'tests');
    must($ok, $said);
    $token{$name} = $secret;
}
for my $name (qw(AIOpsKey AIOpsDigest)) {
    my $field = RT::CustomField->new($su);
    must($field->Create(Name => $name, Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', MaxValues => 1));
    must($field->AddToObject(RT::Queue->new($su)));    # every queue
}
print "TOKENS $token{aiops} $token{kim}\n";
