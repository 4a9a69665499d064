# Fill an empty Redmine: our user with the permissions the how-to page names and no more, a person, their keys; then
# serve, in the same process (starting one costs seconds).
Setting.rest_api_enabled = '1'
Setting.notified_events = []
Redmine::DefaultData::Loader.load('en') if Redmine::DefaultData::Loader.no_data?
role = Role.create!(
  name: 'aiops', issues_visibility: 'all', assignable: false,
  permissions: %i[view_issues add_issues edit_issues add_issue_notes manage_issue_relations]
)
Tracker.all.each { |t| WorkflowTransition.copy(t, Role.find_by_name('Manager'), t, role) }
# One step that our role may not take.
rejected, new = %w[Rejected New].map { |name| IssueStatus.find_by_name(name) }
WorkflowTransition.where(role: role, old_status: rejected, new_status: new).delete_all
user = User.new(firstname: 'AI', lastname: 'Ops', mail: 'aiops@tests.example')
user.login = 'aiops'
user.password = user.password_confirmation = SecureRandom.hex
user.save!
kim = User.find_by_login('admin')
kim.password = kim.password_confirmation = 'kim-of-the-tests'
kim.must_change_passwd = false
kim.save!
fields = %w[AIOpsKey AIOpsDigest].map do |name|
  IssueCustomField.create!(name: name, field_format: 'string', is_for_all: true, is_filter: true, trackers: Tracker.all.to_a)
end
$stdout.puts "KEYS #{user.api_key} #{kim.api_key} #{user.id} #{role.id} #{fields.map(&:id).join(' ')}"
$stdout.flush
# Debian's puma is a gem outside the bundle.
$LOAD_PATH.concat(Dir['/usr/lib/*/rubygems-integration/*/{gems/puma-*/lib,extensions/*/*/puma-*}'])
require 'puma/cli'
Puma::CLI.new(['-b', ENV.fetch('BIND'), '-e', 'production', '-t', '2:4', Rails.root.join('config.ru').to_s]).run
